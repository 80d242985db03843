import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { configSchema as senderSchema } from "../../../agents/sender/config.ts";
import { checkModel } from "../../../infra/checks/index.ts";
import { noPast } from "../../../infra/checks/past.ts";
import { datamartsSchema } from "../../../infra/config/datamart.ts";
import { parseStackConfig, type StackConfig } from "../../../infra/config/index.ts";
import { contentOf, fixtureModel, hostOf, stackValues } from "../../../infra/model/fixture.ts";
import { type Imported, importFile } from "./import.ts";
import { stackOf, stackText } from "./stack.ts";

const examples = new URL("examples/", import.meta.url);
/** The confs as the source quotes them, letter for letter; of the first one only the beginning. */
const delivering = readFileSync(new URL("tx/wxo-b1-oper-dd.conf", examples), "utf8");
const announcing = readFileSync(new URL("tx/dd-notify-wxo-b1.conf", examples), "utf8");
const capture = "$".concat("{0}");
const rest = `\ndirectory /radar/24_HR_ACCUM/GIF/${capture}\ndir_pattern True\naccept [^:]*:URP:(\\w+):RADAR:GIF.*\n`;

async function imported(files: Readonly<Record<string, string>>): Promise<Imported[]> {
  const options = { agent: "sender", root: "/apps/px", metricsPort: 9111 } as const;
  const read = async (file: string) => Buffer.from(files[file] ?? "");
  return Promise.all(Object.keys(files).map((file) => importFile(file, options, read)));
}

const source = { "wxo-b1-oper-dd.conf": delivering, "dd-notify-wxo-b1.conf": announcing };
const completed = { ...source, "wxo-b1-oper-dd.conf": delivering + rest };

/** A stack of px and a public data server, with the sections of this text in place of its own. Agents log in as the source's user. */
function withSections(text: string): StackConfig {
  const { datamart: _, receivers: __, ...lab } = stackValues("lab") as Record<string, object>;
  const sections = Object.entries(parse(text).config as Record<string, object>).map(([key, value]) => {
    const name = key.replace("warren:", "");
    return [name, { ...lab[name], ...value }];
  });
  const brokers = Object.entries(lab.brokers ?? {}).map(([name, broker]) => [name, { ...broker, roles: false }]);
  const own = { brokers: Object.fromEntries(brokers), ...Object.fromEntries(sections) };
  return parseStackConfig({ ...lab, ...own }, "stack imported");
}

const textOf = (all: readonly Imported[]) =>
  stackText(
    stackOf(all),
    all.map(({ file }) => file),
  );
const deployed = (config: StackConfig, name: string) =>
  JSON.parse(contentOf(hostOf("px-1", config), `/etc/warren/${name}.json`));

/**
 * A sender's config with all defaults, without what a stack sets by itself: ports, logins, paths on the server, and the formats that it announces
 * in as well (`formats`).
 */
function said(config: unknown) {
  const { metrics: _, log: __, ...rest } = senderSchema.parse(config);
  if (rest.type === "amqp") {
    const { alsoFormats: _____, ...own } = rest;
    return { ...own, broker: own.broker.user };
  }
  const { server, root: ___, notify: ____, directoryChmod: ______, ...own } = rest;
  return { ...own, server: [server.user, "mode" in server ? server.mode : ""] };
}

test("the source's confs become sections that a stack accepts, and whose senders do what the confs say", async () => {
  const all = await imported(completed);
  const config = withSections(textOf(all));
  for (const { name, config: own } of all) {
    const unit = name === "dd-notify-wxo-b1" ? "dd-notify" : `delivery-${name}`;
    expect(said(deployed(config, unit)), name).toEqual(said(own));
  }
  expect(deployed(config, "dd-notify")).toMatchObject({
    ...{ exchange: "cmc", exchangeType: "topic", exchangeKey: `exp.dd.notify.${capture}` },
    ...{ validation: false, noDuplicates: false },
    rules: [{ reject: "^ensemble.naefs.grib2.raw.*" }, { accept: "^(.*)\\+\\+.*" }],
  });
  expect(deployed(config, "delivery-wxo-b1-oper-dd")).toMatchObject({
    ...{ type: "ftp", validation: false, noDuplicates: false, lock: "umask", chmod: "775", batch: 100 },
    server: { host: "wxo-b1.cmc.ec.gc.ca", user: "wxofeed", mode: "active" },
    notify: { queueDirectory: "/apps/px/txq/dd-notify-wxo-b1", baseUrl: "http://wxo-b1.cmc.ec.gc.ca/" },
  });
  expect(stackOf(all).findings).toEqual([]);
});

test("other values of each option that the source quotes are said as well", async () => {
  const changed = completed["wxo-b1-oper-dd.conf"]
    .replace("ftp_mode    active", "ftp_mode passive")
    .replace("noduplicates false", "noduplicates true")
    .replace("validation  False", "validation True")
    .replace("lock  umask", "lock .part")
    .replace("chmod 775", "chmod 640")
    .replace("batch 100", "batch 7")
    .replace("wxofeed", "otherfeed");
  const notify = announcing
    .replace("validation False\nnoduplicates False", "validation True\nnoduplicates True\nbatch 3")
    .replace(`exp.dd.notify.${capture}`, `v02.post.${capture}.x`)
    .replace("exchange_name cmc", "exchange_name xpublic")
    .replace("feeder", "feeder2")
    .replace("reject ^ensemble.naefs.grib2.raw.*", "reject ^a");
  const all = await imported({ "wxo-b1-oper-dd.conf": changed, "dd-notify.conf": notify });
  const text = textOf(all);
  expect(text).toContain("warren:announcements:\n    user: feeder2\n");
  const lab = stackValues("lab") as { secrets: { passwords: object } };
  const config = withSections(text.replace("user: feeder2", "user: feeder"));
  expect(lab.secrets.passwords).not.toHaveProperty("feeder2");
  expect(config.datamart).toMatchObject({ exchange: "xpublic", notifyTopic: "v02.post" });
  expect(said(deployed(config, "delivery-wxo-b1-oper-dd"))).toEqual(said(all[0]?.config));
  expect(deployed(config, "dd-notify")).toMatchObject({
    ...{ exchange: "xpublic", exchangeKey: `v02.post.${capture}.x`, queueDirectory: "/apps/px/txq/dd-notify" },
    ...{ validation: true, noDuplicates: true, batch: 3, rules: [{ reject: "^a" }, { accept: "^(.*)\\+\\+.*" }] },
  });
});

test("of a conf that is cut off, what it says becomes a section, and the checks and the report list what is missing", async () => {
  const all = await imported(source);
  const missing = all.flatMap(({ name, findings }) =>
    findings.flatMap(({ kind, option }) => (kind === "missing" ? [`${name}: ${option}`] : [])),
  );
  expect(missing).toEqual(["wxo-b1-oper-dd: accept", "wxo-b1-oper-dd: password", "dd-notify-wxo-b1: password"]);
  const config = withSections(textOf(all));
  expect(config.datamart?.delivery?.senders["wxo-b1-oper-dd"]).toMatchObject({ chmod: "775", rules: [] });
  expect(() => checkModel(fixtureModel(config), config, noPast)).toThrow(
    "warren:datamart.delivery.senders.wxo-b1-oper-dd.rules",
  );
  const filled = withSections(textOf(await imported(completed)));
  expect(() => checkModel(fixtureModel(filled), filled, noPast)).not.toThrow();
});

test("what a stack has no place for is listed, with the file; several servers are several sections", async () => {
  const lines = [
    ...["type single-file", "protocol sftp", "host other.example", "port 2222", "user u", "ssh_keyfile k"],
    ...["cache_size 9", "mtime 4", "accept .*"],
  ];
  const fanout = announcing.replace("exchange_type topic", "exchange_type fanout");
  const two = stackOf(await imported({ ...completed, "s.conf": lines.join("\n"), "f.conf": fanout }));
  expect(two.findings.map(({ file, option }) => `${file} ${option}`)).toEqual([
    "f.conf type",
    ...["type", "ssh_keyfile", "makeDirectories", "duplicatesMax", "settleMs", "server.port"].map(
      (key) => `s.conf ${key}`,
    ),
  ]);
  expect(two.values).toMatchObject({
    datamarts: {
      "wxo-b1": { broker: "wxo-b1", exchange: "cmc", delivery: { user: "wxofeed" } },
      other: { broker: "other", delivery: { user: "u", senders: { s: { protocol: "sftp" } } } },
    },
  });
  expect(datamartsSchema.safeParse(two.values.datamarts).error?.issues).toBeUndefined();
  const otherUser = { ...completed, "b.conf": completed["wxo-b1-oper-dd.conf"].replace("wxofeed", "other") };
  const { findings, values } = stackOf(await imported(otherUser));
  expect(findings).toMatchObject([{ file: "b.conf", option: "user", kind: "unexpressed" }]);
  expect(JSON.stringify(values)).not.toContain("other");
  const listed = ({ findings }: ReturnType<typeof stackOf>) => findings.map(({ kind, option }) => `${kind} ${option}`);
  expect(listed(stackOf(await imported({ "to_S.conf": lines.join("\n"), "f.conf": fanout })))).toEqual([
    "missing ssh_keyfile",
    ...["makeDirectories", "duplicatesMax", "settleMs", "server.port"].map((key) => `unexpressed ${key}`),
    ...["noted name", "unexpressed exchange_type", "unexpressed host"],
  ]);
  expect(listed(stackOf(await imported({ "f.conf": announcing })))).toEqual(["missing type"]);
  expect(listed(stackOf(await imported({ "s.conf": "type script\nsend_script sftp_amqp.py\nprotocol ftp" })))).toEqual([
    ...["missing host", "missing type"],
  ]);
});
