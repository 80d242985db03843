import { expect, test } from "vitest";
import { configSchema as receiverSchema } from "../../../agents/receiver/config.ts";
import { configSchema as senderSchema } from "../../../agents/sender/config.ts";
import { type Agent, type Imported, importFile } from "./import.ts";

const least = ["type amqp", "host b", "user u", "password p", "exchange_name cmc", "exchange_type topic", "accept .*"];

/** Imports `/px/etc/tx/x.conf` (or rx) with these lines; `others` are further files. */
async function imported(
  lines: readonly string[],
  { agent = "sender", others = {} }: { agent?: Agent; others?: Record<string, string> } = {},
): Promise<Imported> {
  const folder = agent === "sender" ? "/px/etc/tx" : "/px/etc/rx";
  const files: Record<string, string> = { [`${folder}/x.conf`]: lines.join("\n"), ...others };
  const read = async (file: string) => {
    const text = files[file];
    if (text === undefined) throw Object.assign(new Error(`ENOENT: ${file}`), { code: "ENOENT" });
    return Buffer.from(text, "latin1");
  };
  return importFile(`${folder}/x.conf`, { agent: undefined, root: "/apps/px", metricsPort: 9111 }, read);
}

const unexpressed = ({ findings }: Imported) =>
  findings.filter(({ kind }) => kind === "unexpressed").map(({ line, option }) => `${line} ${option}`);
const faults = ({ faults: all }: Imported) => all.map(({ file, line, message }) => `${file}:${line} ${message}`);

test("a minimal sender file gives a complete config, with Sundew's defaults and without remarks", async () => {
  const made = await imported(least);
  expect(made).toMatchObject({ name: "x", agent: "sender", password: "p", faults: [] });
  expect(unexpressed(made)).toEqual([]);
  expect(made.config).toEqual({
    broker: { hosts: ["b:5672"], user: "u", passwordFile: "sender-password" },
    metrics: { port: 9111 },
    queueDirectory: "/apps/px/txq/x",
    rules: [{ accept: ".*" }],
    validation: true,
    noDuplicates: true,
    exchange: "cmc",
    exchangeType: "topic",
  });
  expect(senderSchema.safeParse(made.config).success).toBe(true);
});

test("every option of a sender is imported, and its last value counts", async () => {
  const made = await imported([
    "# a remark",
    "type amqp",
    "destination amqp://feeder:se@cret:x@bunny-op//data",
    "port 5673",
    "exchange_name old",
    "exchange_name xpublic # what follows is nothing",
    "exchange_key v02.$".concat("{T1}.$", "{0}"),
    "exchange_content text/url",
    "cache_size 1000",
    "batch 50",
    "mtime 3",
    "debug yes",
    "validation 0",
    "noduplicates off",
    "emask *:BAD:*",
    "reject ^a\\:b",
    "accept ^(?P<site>...)",
    "imask *+*",
  ]);
  expect(faults(made)).toEqual([]);
  expect(unexpressed(made)).toEqual([]);
  expect(made.password).toBe("se@cret:x");
  expect(made.config).toMatchObject({
    broker: { hosts: ["bunny-op:5673"], user: "feeder" },
    log: { level: "debug" },
    rules: [{ reject: "^.*:BAD:.*$" }, { accept: "^.*\\+.*$" }, { reject: "^a:b" }, { accept: "^(?<site>...)" }],
    ...{ validation: false, noDuplicates: false, duplicatesMax: 1000, batch: 50, settleMs: 3000 },
    ...{ exchange: "xpublic", exchangeType: "fanout", exchangeKey: "v02.$".concat("{T1}.$", "{0}") },
    contentType: "text/url",
  });
  expect(made.findings.filter(({ line }) => line === 5)).toMatchObject([{ option: "exchange_name", kind: "noted" }]);
});

test("unsupported options of a sender are listed with line, reason and remedy; those without effect are noted", async () => {
  const made = await imported([
    ...least,
    "purge 5H,1+",
    "sorter None",
    "send_script x.py",
    "exchangekey slip",
    "validation Flase",
    "batch 5000",
    "chmod 775",
    "lock umask",
    "exchange_realm /data",
    "sorter MultiKeysStringSorter",
  ]);
  expect(unexpressed(made)).toEqual(["8 purge", "10 send_script", "11 exchangekey", "12 validation", "13 batch"]);
  expect(made.config).toMatchObject({ validation: false, batch: 1000 });
  for (const { why, remedy } of made.findings)
    expect([why, remedy].map((text) => text.length > 5)).toEqual([true, true]);
  const noted = made.findings.filter(({ kind }) => kind === "noted").map(({ option }) => option);
  expect(noted).toEqual(["exchange_type", "sorter", "chmod", "lock", "exchange_realm"]);
  expect(unexpressed(await imported([...least, "sorter None"]))).toEqual(["8 sorter"]);
});

test("a receiver's file gives a config with its own queue; Sundew's ingest settings are listed", async () => {
  const lines = [
    ...least,
    "exchange_key exp.#",
    "extension A:B:C:D:E",
    "noduplicates True",
    "validation False",
    "vip 1.2.3.4",
  ];
  const made = await imported([...lines, "reject .*:GIF:"], { agent: "receiver" });
  expect(made.config).toEqual({
    broker: { hosts: ["b:5672"], user: "u", passwordFile: "receiver-password" },
    metrics: { port: 9111 },
    ...{ exchange: "cmc", exchangeType: "topic", queue: "cmc.receiver.x", bindingKeys: ["exp.#"] },
    receiverQueueDirectory: "/apps/px/rxq/x",
    rules: [{ accept: ".*" }, { reject: ".*:GIF:" }],
  });
  expect(receiverSchema.safeParse(made.config).success).toBe(true);
  expect(unexpressed(made)).toEqual(["1 type", "7 accept", "9 extension", "10 noduplicates", "12 vip"]);
});

test("px.conf is read before the file, and includes are followed, with their own line numbers", async () => {
  const made = await imported(["include common.inc", ...least, "batch 7"], {
    others: { "/px/etc/px.conf": "batch 5\npurge 1H,1+", "/px/etc/tx/common.inc": "mtime 2\nexchange_name inner" },
  });
  expect(made.config).toMatchObject({ batch: 7, settleMs: 2000, exchange: "cmc" });
  const places = made.findings.map(({ file, line, option }) => `${file}:${line} ${option}`);
  expect(places).toContain("/px/etc/px.conf:2 purge");
  expect(places).toContain("/px/etc/px.conf:1 batch");
  expect(places).toContain("/px/etc/tx/common.inc:2 exchange_name");
});

test.each<[string, string[], string]>([
  ["no type", ["host b"], "/px/etc/tx/x.conf:0 no type: no agent is a sender of it"],
  ["another type", ["", "type am"], "/px/etc/tx/x.conf:2 type am: no agent is a sender of it"],
  [
    "an exchange of headers",
    [...least, "exchange_type headers"],
    "/px/etc/tx/x.conf:8 exchange_type headers: no agent has it",
  ],
  ["no number", [...least, "batch many"], "/px/etc/tx/x.conf:8 batch: expected a whole number, got many"],
  ["no port", [...least, "port 5672/tcp"], "/px/etc/tx/x.conf:8 port: expected a whole number, got 5672/tcp"],
  ["no pattern", [...least, "reject ("], "/px/etc/tx/x.conf:8 reject (: is not a regular expression"],
  ["no URL", [...least, "destination b"], "/px/etc/tx/x.conf:8 destination: expected PROTOCOL://USER:PASSWORD@HOST/…"],
  [
    "a key without a capture",
    [...least, "exchange_key $".concat("{1}")],
    "/px/etc/tx/x.conf:8 exchange_key: $".concat("{1} is capture 2"),
  ],
  ["a missing include", [...least, "include none.inc"], "/px/etc/tx/x.conf:8 include none.inc: can't be read"],
  [
    "an include of itself, many times",
    [...Array.from({ length: 10 }, () => "include x.conf"), ...least],
    "x.conf: more than 1000 files are included",
  ],
  ["an include of itself", [...least, "include x.conf"], "/px/etc/tx/x.conf:8 include x.conf: more than 8 files deep"],
  ["no UTF-8", [...least, "reject \xe9"], "/px/etc/tx/x.conf:8 is not UTF-8, as names of files and messages are"],
])("%s: nothing is imported, and the reason has file and line", async (_, lines, fault) => {
  const made = await imported(lines);
  expect(made.config).toBeUndefined();
  expect(faults(made).join("\n")).toContain(fault);
  for (const { remedy } of made.faults) expect(remedy.length).toBeGreaterThan(5);
});

test.each<[string, string[], string]>([
  ["no host", least.filter((line) => !line.startsWith("host")), "host"],
  ["no user", least.filter((line) => !line.startsWith("user")), "user"],
  ["no exchange", least.filter((line) => !line.startsWith("exchange_n")), "exchange_name"],
  ["nothing accepted", least.slice(0, -1), "accept"],
  ["no password", least.filter((line) => !line.startsWith("password")), "password"],
  ["only a type", ["type amqp"], "host user password exchange_name accept"],
])("%s: the file is imported as far as it goes, and what is missing is listed", async (_, lines, missing) => {
  const made = await imported(lines);
  expect(made.faults).toEqual([]);
  expect(made.config).toBeDefined();
  expect(senderSchema.safeParse(made.config).success).toBe(missing === "password");
  const listed = made.findings.filter(({ kind }) => kind === "missing").map(({ option }) => option);
  expect(listed).toEqual(missing.split(" "));
});

test("all faults of a file are reported at once", async () => {
  expect((await imported(["type amqp", "batch x", "reject ("])).faults.map(({ line }) => line)).toEqual([3, 2]);
});

test("outside tx and rx an option must name the kind", async () => {
  const read = async () => Buffer.from(least.join("\n"));
  const options = { agent: undefined, root: "/apps/px", metricsPort: 1 };
  const made = await importFile("/tmp/x.conf", options, read);
  expect(made).toMatchObject({
    agent: undefined,
    config: undefined,
    faults: [{ remedy: "give --as sender or --as receiver" }],
  });
  expect((await importFile("/tmp/x.conf", { ...options, agent: "receiver" }, read)).config).toBeDefined();
});
