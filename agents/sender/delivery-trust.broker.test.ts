import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { DeliveryTest } from "../../tests/rigs/delivery-tests.ts";
import { makeCertificate } from "../../tests/rigs/test-certificates.ts";

const waitMs = { timeout: 100_000, interval: 50 };
const heavy = { timeout: 300_000 };

let it: DeliveryTest;

afterEach(() => it.stop());

async function expectDelivered(name: string): Promise<void> {
  await vi.waitFor(() => expect(it.left()).toEqual([]), waitMs);
  expect(it.find(name)?.content.toString()).toBe("x");
}

test(
  "a host with another key gets nothing; the log says what to do, and then the sender continues by itself",
  heavy,
  async () => {
    it = await DeliveryTest.start({ kind: "sftp" });
    await it.server.kill();
    it.server.changeHostKey();
    await it.server.start();
    it.put(it.nameOf("a"), "x");
    const agent = it.send(it.config());
    const { reason } = await agent.logged(/no connection: files wait/);
    expect(reason).toMatch(/shows the host key SHA256:.*expected SHA256:.*: nothing is sent/s);
    expect(reason).toContain("ssh-keyscan");
    expect(it.left()).toEqual([it.nameOf("a")]);
    expect(it.names()).toEqual([]);
    it.trustServer();
    await expectDelivered("a");
  },
);

test("a login by password works too, and so does a fingerprint for the host's key", heavy, async () => {
  it = await DeliveryTest.start({ kind: "sftp" });
  const hostKeys = [it.server.fingerprint];
  const login = { keyFile: undefined, passwordFile: it.server.passwordFile, knownHostsFile: undefined, hostKeys };
  it.send(it.config({}, login));
  it.put(it.nameOf("a"), "x");
  await expectDelivered("a");
});

test.each(["sftp", "ftp"] as const)(
  "%s: a failed login is reported with user and credentials, and files wait",
  heavy,
  async (kind) => {
    it = await DeliveryTest.start({ kind });
    const passwordFile = join(it.folder, "password");
    writeFileSync(passwordFile, "wrong");
    it.put(it.nameOf("a"), "x");
    const agent = it.send(it.config({}, { keyFile: undefined, passwordFile }));
    const { reason } = await agent.logged(/no connection: files wait/);
    expect(reason).toContain("doesn't let wxofeed in");
    expect(await it.logIn()).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("doesn't let wxofeed in") });
    writeFileSync(passwordFile, "wxofeed's password\n");
    await expectDelivered("a");
    expect(await it.logIn()).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(": login succeeded") });
    await it.server.kill();
    expect(await it.logIn()).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/ECONNREFUSED.*remedy/s) });
  },
);

test.each(["passive", "active"])(
  "FTP over TLS, %s: commands and data use the CA in the config",
  heavy,
  async (mode) => {
    const folder = join(process.env.TMPDIR ?? "/tmp", `warren-certificates-${process.pid}`);
    mkdirSync(folder, { recursive: true });
    try {
      const { caFile, certificateFile, keyFile } = await makeCertificate(folder, "ftp", ["IP:127.0.0.1"]);
      const tls = ["ssl_enable=YES", "force_local_data_ssl=YES", "force_local_logins_ssl=YES", "ssl_ciphers=HIGH"];
      const files = [`rsa_cert_file=${certificateFile}`, `rsa_private_key_file=${keyFile}`];
      it = await DeliveryTest.start({ kind: "ftp", config: [...tls, ...files] });
      it.send(it.config({}, { mode, tls: { caFile } }));
      for (const name of ["a", "b", "c"]) it.put(it.nameOf(name), "x");
      for (const name of ["a", "b", "c"]) await expectDelivered(name);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test("for a server without SITE UMASK the log asks for another lock", heavy, async () => {
  it = await DeliveryTest.start({ kind: "ftp", config: ["cmds_denied=SITE"] });
  it.put(it.nameOf("a"), "x");
  const agent = it.send(it.config({ lock: "umask" }));
  const { reason } = await agent.logged(/no connection: files wait/);
  expect(reason).toMatch(/can't lock by umask.*"lock": ".tmp"/s);
  await agent.end();
  it.send(it.config({ lock: ".tmp" }));
  await expectDelivered("a");
});

test(
  "while a notification can't be written the file waits; it is delivered again, with its notification, when that works",
  heavy,
  async () => {
    it = await DeliveryTest.start({ kind: "sftp" });
    const agent = it.send(it.config());
    await agent.logged("connected");
    rmSync(join(it.folder, "notify"), { recursive: true });
    it.put(it.nameOf("a"), "x");
    const held = await agent.logged(/^refused: nothing is lost/);
    expect(held.reason).toContain("it is on the server, but its notification can't be written");
    expect(it.left()).toEqual([it.nameOf("a")]);
    mkdirSync(join(it.folder, "notify"));
    chmodSync(join(it.folder, "notify"), 0o755);
    await expectDelivered("a");
    expect(it.notifications().size).toBe(1);
  },
);
