import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ProviderProcess, startProvider } from "../lib/provider-client.ts";
import { isSecret, type PropertyMap, secret, unknown } from "../lib/values.ts";
import { type Sshd, startSshd } from "./sshd.ts";

const type = "command:remote:Command";
const main = join(import.meta.dirname, "main.ts");

let provider: ProviderProcess;
let sshd: Sshd;

beforeAll(async () => {
  [provider, sshd] = await Promise.all([startProvider(main), startSshd()]);
});
afterAll(async () => {
  await Promise.all([provider.stop(), sshd.stop()]);
});

/** Inputs as the SDK sends them: the connection is always secret. */
function inputs(values: PropertyMap, connection: PropertyMap = sshd.connection): PropertyMap {
  return { connection: secret(connection), ...values };
}

describe("running scripts", () => {
  it("creates with the create script, and returns its output without the last line break", async () => {
    const { id, outputs } = await provider.create(type, inputs({ create: "echo out; echo err >&2" }));
    expect(id).toMatch(/^one[0-9a-f]{8}$/);
    expect(outputs).toMatchObject({ stdout: "out", stderr: "err" });
  });

  it("returns what a delete needs, and nothing long that the engine keeps as an input anyway", async () => {
    const given = { create: "cat", update: "cat", stdin: "x", delete: "true", logging: "none" };
    const { outputs } = await provider.create(type, inputs(given));
    expect(Object.keys(outputs).toSorted()).toEqual(["connection", "delete", "logging", "stderr", "stdout"]);
  });

  it("updates with the update script, or with the create script if there is none", async () => {
    const state = inputs({ create: "echo c", update: "echo u", stdout: "c", stderr: "" });
    expect(await provider.update(type, state, inputs({ create: "echo c", update: "echo u" }))).toMatchObject({
      stdout: "u",
    });
    expect(await provider.update(type, state, inputs({ create: "echo c" }))).toMatchObject({ stdout: "c" });
  });

  it("deletes with the delete script, and does nothing if there is none", async () => {
    const file = join(sshd.folder, "made");
    await provider.create(type, inputs({ create: `touch ${file}` }));
    await provider.delete(type, "x", inputs({ delete: `rm ${file}`, stdout: "", stderr: "" }));
    const { outputs } = await provider.create(type, inputs({ create: `test -e ${file} || echo gone` }));
    expect(outputs.stdout).toBe("gone");
    await provider.delete(type, "x", inputs({ stdout: "", stderr: "" }, { ...sshd.connection, port: 1 }));
    const left = { delete: `cat > ${file}`, stdout: "", stderr: "" };
    await provider.delete(type, "x", inputs(left), inputs({ stdin: "of the inputs" }));
    expect((await provider.create(type, inputs({ create: `cat ${file}` }))).outputs.stdout).toBe("of the inputs");
  });

  it("passes stdin completely, even if it is large", async () => {
    const { outputs } = await provider.create(type, inputs({ create: "wc -c", stdin: "é".repeat(1_500_000) }));
    expect(outputs.stdout).toBe("3000000");
  });

  it("fails with exit code and last output, without the text of the script", async () => {
    const failed = provider.create(type, inputs({ create: "KEY=hunter2 sh -c 'echo out; echo no luck >&2; exit 7'" }));
    const error: Error = await failed.catch((each) => each);
    expect(error.message).toContain(
      `127.0.0.1:${sshd.port}: the create command failed with exit code 7; last on stderr:\nno luck`,
    );
    expect(error.message).not.toContain("hunter2");
  });

  it("logs output as progress, by the logging input", async () => {
    const lines = async (logging: PropertyMap) => {
      const seen = provider.plugin.lines.length;
      await provider.create(type, inputs({ create: "echo to-out; echo to-err >&2", ...logging }));
      return provider.plugin.lines
        .slice(seen)
        .flatMap((line) => line.message.split("\n"))
        .sort();
    };
    expect(await lines({})).toEqual(["to-err", "to-out"]);
    expect(await lines({ logging: "stdout" })).toEqual(["to-out"]);
    expect(await lines({ logging: "stderr" })).toEqual(["to-err"]);
    expect(await lines({ logging: "none" })).toEqual([]);
    expect(provider.plugin.lines.filter((line) => line.message === "to-out").every((line) => line.status)).toBe(true);
  });
});

describe("checks and diffs", () => {
  it("reports all problems at once, by path, without values", async () => {
    const { failures } = await provider.check(type, {
      connection: { host: 5, privateKey: "s3cret", hostKey: "nonsense", proxy: {}, password: "s3cret" },
      create: ["s3cret"],
      logging: "loud",
      environment: { A: "1" },
      addPreviousOutputInEnv: true,
    });
    const paths = failures.map(({ path }) => path).sort();
    expect(paths).toEqual(
      [
        "addPreviousOutputInEnv",
        "connection.host",
        "connection.hostKey",
        "connection.password",
        ...["connection.proxy.host", "connection.proxy.hostKey", "connection.proxy.privateKey"],
        "create",
        "environment",
        "logging",
      ].sort(),
    );
    expect(JSON.stringify(failures)).not.toContain("s3cret");
  });

  it("fills in the defaults of a connection and marks it secret", async () => {
    const { privateKey = "", hostKey = "" } = sshd.connection;
    const given = { connection: { host: "h", privateKey, hostKey }, create: "true" };
    const { inputs: checked, failures } = await provider.check(type, given);
    expect(failures).toEqual([]);
    expect(isSecret(checked.connection)).toBe(true);
    expect(checked.connection).toMatchObject({
      value: { host: "h", user: "root", port: 22, dialErrorLimit: 10, perDialTimeout: 15 },
    });
  });

  it("replaces when triggers change, and updates when anything else does", async () => {
    const old = inputs({ create: "a", triggers: [1, "x"] });
    expect(await provider.diff(type, old, inputs({ create: "a", triggers: [1, "x"] }))).toMatchObject({
      changed: false,
    });
    expect(await provider.diff(type, old, inputs({ create: "b", triggers: [2, "x"] }))).toMatchObject({
      changed: true,
      replaces: ["triggers"],
      detailed: { create: "UPDATE", "triggers[0]": "UPDATE_REPLACE" },
    });
    const moved = inputs({ create: "a", triggers: [1, "x"] }, { ...sshd.connection, host: "elsewhere" });
    expect(await provider.diff(type, old, moved)).toMatchObject({
      replaces: [],
      detailed: { "connection.host": "UPDATE" },
    });
    expect((await provider.diff(type, old, inputs({ create: "a" }))).detailed).toEqual({ triggers: "DELETE_REPLACE" });
    expect((await provider.diff(type, old, inputs({ create: unknown, triggers: [1, "x"] }))).detailed).toEqual({
      create: "UPDATE",
    });
  });

  it("runs nothing if an update that repeats the create is left out or added, unless the script changes", async () => {
    const [both, one] = [inputs({ create: "first", update: "now" }), inputs({ create: "now" })];
    expect((await provider.diff(type, both, one)).changed).toBe(false);
    expect((await provider.diff(type, one, both)).changed).toBe(false);
    expect((await provider.diff(type, both, inputs({ create: "later" }))).detailed).toEqual({
      create: "UPDATE",
      update: "DELETE",
    });
    expect((await provider.diff(type, both, inputs({ create: "other", update: "now" }))).changed).toBe(true);
    const moved = inputs({ create: "now" }, { ...sshd.connection, host: "elsewhere" });
    expect((await provider.diff(type, both, moved)).detailed).toEqual({ "connection.host": "UPDATE" });
  });

  it("runs nothing in a preview, with outputs unknown", async () => {
    const unreachable = { ...sshd.connection, port: 1 };
    const made = await provider.create(type, inputs({ create: unknown }, unreachable), { preview: true });
    expect(made).toMatchObject({ outputs: { create: unknown, stdout: unknown, stderr: unknown } });
    const state = inputs({ create: "a", stdout: "s", stderr: "" }, unreachable);
    expect(await provider.update(type, state, inputs({ create: "b" }, unreachable), { preview: true })).toMatchObject({
      create: "b",
      stdout: unknown,
    });
  });

  it("refuses by name the types and functions that it does not have", async () => {
    for (const refused of [provider.check("command:local:Command", {}), provider.invoke("command:local:run")])
      await expect(refused).rejects.toThrow(/command:local:\w+: not supported: .*; use the official plugin/);
  });
});

describe("secrets", () => {
  it("are returned with marks, and make output secret that may repeat them", async () => {
    const given = inputs({ create: "cat", stdin: secret("pa55word-of-feeder"), delete: "true" });
    const { outputs } = await provider.create(type, given);
    expect(outputs.stdout).toEqual(secret("pa55word-of-feeder"));
    expect(isSecret(outputs.connection)).toBe(true);
    expect(outputs.delete).toBe("true");
    const plain = await provider.create(type, inputs({ create: "echo open" }));
    expect(plain.outputs.stdout).toBe("open");
  });

  it("stay out of errors and logs, completely or in part", async () => {
    const seen = provider.plugin.lines.length;
    const stdin = secret("user = feeder\npassword = pa55word-of-feeder\n");
    const failed = provider.create(type, inputs({ create: "cat; grep pass >&2; cat >&2; exit 1", stdin }));
    const error: Error = await failed.catch((each) => each);
    expect(error.message).toContain("exit code 1");
    expect(error.message).not.toContain("pa55word");
    const loud = inputs({ create: 'while read l; do echo "got: $l"; done', stdin, logging: "stdoutAndStderr" });
    await provider.create(type, loud);
    const logged = provider.plugin.lines
      .slice(seen)
      .map((line) => line.message)
      .join("\n");
    expect(logged).toContain("got: [secret]");
    expect(logged).not.toContain("pa55word");
  });
});

describe("the end", () => {
  // A command that ends with its channel, when its output is closed.
  const ticking = "while echo tick; do sleep 0.1; done";

  it("comes with Cancel, which stops running commands and refuses new ones", async () => {
    const own = await startProvider(main);
    const running = own.create(type, inputs({ create: ticking })).catch((error) => error);
    await own.plugin.line((line) => line.message.includes("tick"));
    await own.cancel();
    expect((await running).message).toContain("cancelled by the engine");
    await expect(own.create(type, inputs({ create: "true" }))).rejects.toThrow("cancelled by the engine");
    await own.stop();
  });
});
