import { expect, test } from "vitest";
import { configSchema } from "../../../agents/sender/config.ts";
import { type Imported, importFile } from "./import.ts";

const least = ["type single-file", "protocol ftp", "host h.example", "user u", "password p", "accept .*"];
const capture = "$".concat("{0}");

async function imported(lines: readonly string[], others: Record<string, string> = {}): Promise<Imported> {
  const files: Record<string, string> = { "/px/etc/tx/x.conf": lines.join("\n"), ...others };
  const read = async (file: string) => {
    const text = files[file];
    if (text === undefined) throw Object.assign(new Error(`ENOENT: ${file}`), { code: "ENOENT" });
    return Buffer.from(text);
  };
  return importFile("/px/etc/tx/x.conf", { agent: undefined, root: "/apps/px", metricsPort: 9111 }, read);
}

const unexpressed = ({ findings }: Imported) =>
  findings.filter(({ kind }) => kind === "unexpressed").map(({ line, option }) => `${line} ${option}`);

test("a minimal FTP sender file gives a complete config, with Sundew's defaults", async () => {
  const made = await imported(least);
  expect(made).toMatchObject({ name: "x", agent: "sender", password: "p", faults: [] });
  expect(unexpressed(made)).toEqual([]);
  expect(made.config).toEqual({
    metrics: { port: 9111 },
    type: "ftp",
    queueDirectory: "/apps/px/txq/x",
    rules: [{ accept: ".*" }],
    ...{ validation: true, noDuplicates: true, chmod: "666", makeDirectories: false },
    server: { host: "h.example", user: "u", passwordFile: "sender-password", mode: "passive" },
  });
  expect(configSchema.safeParse(made.config).success).toBe(true);
});

test("the start quoted in the source, completed, gives its sender: active, lock by umask, 775", async () => {
  const made = await imported([
    ...["type script", "send_script sftp_amqp.py", "protocol ftp", "host wxo-b1.cmc.ec.gc.ca", "user wxofeed"],
    ...["password **********", "ftp_mode active", "noduplicates false", "validation  False", "lock  umask"],
    ...["chmod 775", "batch 100", "dir_pattern True", `directory /radar/${capture}`, "accept ([^:]*):"],
  ]);
  expect(made.faults).toEqual([]);
  expect(made.config).toMatchObject({
    rules: [{ accept: "([^:]*):", directory: `radar/${capture}` }],
    ...{ type: "ftp", validation: false, noDuplicates: false, batch: 100, lock: "umask", chmod: "775" },
    server: { host: "wxo-b1.cmc.ec.gc.ca", user: "wxofeed", mode: "active" },
  });
  // The source doesn't mention whether the script makes directories: the agent does.
  expect(made.config).not.toHaveProperty("makeDirectories");
  expect(unexpressed(made)).toEqual(["2 send_script", "2 send_script"]);
  const [script] = made.findings.filter(({ option }) => option === "send_script");
  expect(script?.remedy).toContain('"queueDirectory": "/apps/px/txq/dd-notify-wxo-b1"');
});

test("each rule has the directory and file name in effect at its line; an included file's settings end with it", async () => {
  const made = await imported(
    [
      ...least.slice(0, -1),
      ...["dir_pattern yes", "accept a", "directory //data/one", "filename NONE:TIME", "accept b", "include y.inc"],
      ...["reject z", "accept d DESTFN=last", "imask *e*"],
    ].filter((line) => line !== "accept a"),
    { "/px/etc/tx/y.inc": "directory //data/two\nfilename HEADFN\naccept c" },
  );
  expect(made.faults).toEqual([]);
  expect(made.config).toMatchObject({
    root: "/",
    rules: [
      { accept: "^.*e.*$", directory: "data/one", fileName: "$".concat("{NONE}:$", "{STAMP}") },
      { accept: "b", directory: "data/one", fileName: "$".concat("{NONE}:$", "{STAMP}") },
      { accept: "c", directory: "data/two", fileName: "$".concat("{HEADFN}") },
      { reject: "z" },
      { accept: "d", directory: "data/one", fileName: "last" },
    ],
  });
});

test("a destination sets protocol, login, directory and name at once", async () => {
  const made = await imported(["type single-file", "destination sftp://u:p@h/pub/x NONE", "accept .*"]);
  expect(made.config).toMatchObject({
    type: "sftp",
    rules: [{ accept: ".*", directory: "pub/x", fileName: "$".concat("{NONE}") }],
    server: { host: "h", user: "u", passwordFile: "sender-password", knownHostsFile: "known_hosts" },
  });
  expect(unexpressed(made)).toEqual(["2 protocol"]);
});

test("unsupported settings are listed", async () => {
  const made = await imported([
    ...least.slice(0, -1),
    ...["kbytes_ps 100", "binary False", "timeout_send 60", "lock None", "chmod 9", "fx_script x.py", "timeout 5"],
    ...["directory pub/x", "accept .*"],
  ]);
  expect(made.faults).toEqual([]);
  expect(unexpressed(made)).toEqual([
    ...["6 kbytes_ps", "7 binary", "8 timeout_send", "10 chmod", "11 fx_script", "13 directory"],
  ]);
  expect(made.config).toMatchObject({ chmod: "666", server: { connectTimeoutMs: 30_000 } });
});

test("where something is missing, the file is imported as far as it goes", async () => {
  const made = await imported(["type single-file", "protocol ftp", "batch 7"]);
  expect(made.faults).toEqual([]);
  expect(made.config).toMatchObject({ type: "ftp", batch: 7, rules: [] });
  const missing = made.findings.filter(({ kind }) => kind === "missing").map(({ option }) => option);
  expect(missing).toEqual(["host", "user", "password", "accept"]);
});

test.each([
  ["pull_amqp_wget.py", "role pds"],
  ["amqp_expose_db.py", "role urp"],
  ["other.py", "type single-file"],
])(
  "for a script that no sender replaces, %s, the fault says what takes its place and what to check",
  async (script, place) => {
    const made = await imported(["type script", `send_script ${script}`, "protocol ftp"]);
    expect(made.config).toBeUndefined();
    expect(made.faults[0]?.remedy).toContain(place);
    expect(made.faults[0]?.remedy).toMatch(/check/);
  },
);

test.each<[string, string[], string]>([
  ["another protocol", ["type single-file", "protocol file", "accept .*"], "type single-file: no agent is a sender"],
  ["another script", [...least.slice(1), "type script", "send_script other.py"], "type script: no agent is a sender"],
  ["a name by a script", [...least, "filename DESTFNSCRIPT=x.py", "accept x"], "filename DESTFNSCRIPT=x.py: no agent"],
  ["a mixture of directories", [...least, "directory //a", "accept x", "directory /b", "accept y"], "is absolute"],
  ["a directory that climbs", [...least, "directory /a/../b", "accept x"], '"." or ".." as a folder'],
])("%s: nothing is imported, and the reason is reported", async (_, lines, fault) => {
  const made = await imported(lines);
  expect(made.config).toBeUndefined();
  expect(made.faults.map(({ message }) => message).join("\n")).toContain(fault);
});
