import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type ProviderProcess, startProvider } from "../lib/provider-client.ts";
import { type PropertyMap, secret } from "../lib/values.ts";
import { freePort, type Sshd, startSshd } from "./sshd.ts";

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

const others: Sshd[] = [];

/** Another host, for one test. */
async function another(extraConfig: readonly string[] = []): Promise<Sshd> {
  const started = await startSshd(extraConfig);
  others.push(started);
  return started;
}
afterEach(() => Promise.all(others.splice(0).map((each) => each.stop())));

it("is shared: twenty concurrent resources need one login and no more sessions than the server allows", async () => {
  const own = await another(["MaxSessions 4"]);
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      provider.create(type, inputs({ create: `sleep 0.1; echo ${index}` }, own.connection)),
    ),
  );
  expect(results.map(({ outputs }) => Number(outputs.stdout))).toEqual(Array.from({ length: 20 }, (_, index) => index));
  expect(own.logins()).toBe(1);
});

it("is reopened after it broke between two resources", async () => {
  const first = await another();
  await provider.create(type, inputs({ create: "true" }, first.connection));
  const before = first.logins();
  await provider.create(type, inputs({ create: "kill -9 $PPID" }, first.connection)).catch(() => undefined);
  await provider.create(type, inputs({ create: "true" }, first.connection));
  expect([before, first.logins()]).toEqual([1, 2]);
});

it("goes through a jump host, with both host keys verified", async () => {
  const jump = await another();
  const through = { ...sshd.connection, proxy: jump.connection };
  expect((await provider.create(type, inputs({ create: "echo there" }, through))).outputs.stdout).toBe("there");
  expect(jump.logins()).toBe(1);
  const wrong = { ...through, proxy: { ...jump.connection, hostKey: sshd.hostKey } };
  await expect(provider.create(type, inputs({ create: "true" }, wrong))).rejects.toThrow(
    /jump host.*not the pinned one/,
  );
});

it("refuses a host whose key is not the pinned one, at the first attempt and without a login", async () => {
  const other = await another();
  const wrong = { ...other.connection, hostKey: sshd.hostKey, dialErrorLimit: 10 };
  const error: Error = await provider.create(type, inputs({ create: "true" }, wrong)).catch((each) => each);
  expect(error.message).toMatch(/the host's key \(SHA256:.+\) is not the pinned one \(SHA256:.+\)/);
  expect(other.logins()).toBe(0);
  await expect(provider.delete(type, "x", inputs({ delete: "true" }, wrong))).rejects.toThrow("not the pinned one");
});

it("names a key that can't be used, before the host is contacted", async () => {
  const wrong = { ...sshd.connection, privateKey: "no key", dialErrorLimit: 10 };
  await expect(provider.create(type, inputs({ create: "true" }, wrong))).rejects.toThrow("privateKey can't be used");
});

it("distinguishes a refused login from an unreachable host", async () => {
  const stranger = await another();
  const refused = { ...sshd.connection, privateKey: stranger.privateKey, dialErrorLimit: 0 };
  await expect(provider.create(type, inputs({ create: "true" }, refused))).rejects.toThrow(/refused the login key/);
  await expect(provider.delete(type, "x", inputs({ delete: "true" }, refused))).rejects.toThrow(
    /refused the login key/,
  );
});

it("that fails lets a delete succeed with a warning, and a create fail", async () => {
  const dead = { ...sshd.connection, port: await freePort(), dialErrorLimit: 2 };
  await provider.delete(type, "x", inputs({ delete: "false", stdout: "", stderr: "" }, dead));
  const warning = await provider.plugin.line((line) => line.message.includes(`:${dead.port}`) && !line.status);
  expect(warning.message).toContain("its delete command was not run");
  await expect(provider.create(type, inputs({ create: "true" }, dead))).rejects.toThrow(/3 attempts/);
  const alive = inputs({ delete: "exit 3", stdout: "", stderr: "" });
  await expect(provider.delete(type, "x", alive)).rejects.toThrow("the delete command failed with exit code 3");
});
