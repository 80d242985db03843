import { readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ensureToolchain } from "../../scripts/engine/toolchain/toolchain.ts";
import { buildByHand, handCookie, handKeepalived } from "../../scripts/lab/hand-built.ts";
import {
  allocateLabIndex,
  hostExec,
  knownHostsPath,
  type LabHost,
  labDirectory,
  labDown,
  labUp,
  userKeyPath,
} from "../../scripts/lab/index.ts";
import { checkoutDirectory } from "../../scripts/lab/paths.ts";

/** The lab and the stack share this name: the stack's file is in the lab's folder. */
const name = "test-adopt";
const passwords = {
  anonymous: "anonymous-by-hand",
  feeder: "feeder-by-hand",
  root: "root-by-hand",
  guest: "guest-by-hand",
} as const;
const passwordsFile = join(labDirectory(name), "passwords.json");
const stackFile = join(labDirectory(name), `Pulumi.${name}.yaml`);
const stateFile = join(checkoutDirectory, `.warren/state/.pulumi/stacks/warren/${name}.json`);
const ctl =
  "runuser -u rabbitmq -- env --chdir=/var/lib/rabbitmq HOME=/var/lib/rabbitmq /usr/lib/rabbitmq/bin/rabbitmqctl -q";

let hosts: readonly [LabHost, LabHost];

async function warren(...args: string[]): Promise<{ exitCode: number; stdout: string; output: string }> {
  const result = await execa("./warren", args, {
    cwd: checkoutDirectory,
    all: true,
    reject: false,
    stdin: "ignore",
    timeout: 240_000,
    env: { NO_COLOR: "1" },
  });
  return { exitCode: result.exitCode ?? 255, stdout: result.stdout, output: String(result.all) };
}

const adopt = (addresses: readonly string[], ...more: string[]) =>
  warren(
    ...["adopt", ...addresses, "-s", name, "--force", "--identity", userKeyPath(name)],
    ...["--known-hosts", knownHostsPath(name), ...more],
  );

const on = (host: LabHost, script: string) => hostExec(name, host.name, ["sh", "-c", script], { timeoutMs: 60_000 });

/** Everything on a host that would show a change: file times, units, users, broker definitions. */
async function traces(): Promise<Record<string, string>> {
  const script = `
    find /etc /usr /opt /var/lib/warren /root /var/lib/rabbitmq/.erlang.cookie /var/lib/dpkg -type f -printf '%T@ %C@ %m %u %p\\n' 2>/dev/null | sort | sha256sum
    systemctl show --property=Id,InvocationID,ActiveState,UnitFileState rabbitmq-server keepalived
    getent passwd | sha256sum
    ${ctl} export_definitions -`;
  const answers = await Promise.all(hosts.map(async (host) => [host.name, (await on(host, script)).stdout] as const));
  return Object.fromEntries(answers);
}

beforeAll(async () => {
  await labDown(name);
  await ensureToolchain();
  const index = await allocateLabIndex(name);
  const host = (title: string, byte: number) => ({
    name: title,
    address: `10.203.${index}.${byte}`,
    release: "bookworm" as const,
  });
  hosts = [host("hare1", 21), host("hare2", 22)];
  await labUp({ name, index, hosts });
  await Promise.all([
    rm(stackFile, { force: true }),
    rm(stateFile, { force: true }),
    rm(`${stateFile}.bak`, { force: true }),
  ]);
  await writeFile(passwordsFile, JSON.stringify(passwords), { mode: 0o600 });
  const vip = { name: "hare-op", address: `10.203.${index}.50` };
  await buildByHand(name, { hosts, vip, passwords, ldapServer: "ldap-dev.cmc.ec.gc.ca" });
});
afterAll(async () => {
  await labDown(name);
  await Promise.all([stackFile, stateFile, `${stateFile}.bak`, passwordsFile].map((file) => rm(file, { force: true })));
});

describe("a broker pair built by hand according to the installation notes", () => {
  let before: Record<string, string>;
  const addresses = () => hosts.map(({ address }) => address);

  it("is refused, with reason and remedy, while a member is missing or a password is wrong; nothing is written", async () => {
    before = await traces();
    const wrong = join(labDirectory(name), "wrong.json");
    await writeFile(wrong, JSON.stringify({ ...passwords, feeder: "a guess, and no more" }), { mode: 0o600 });
    const [alone, refused] = await Promise.all([
      adopt(addresses().slice(0, 1)),
      adopt(addresses(), "--passwords", wrong),
    ]);
    await rm(wrong);
    expect(alone).toMatchObject({ exitCode: 1 });
    expect(alone.output).toContain("its cluster has the member rabbit@hare2, which is not among the given hosts");
    expect(refused).toMatchObject({ exitCode: 1 });
    expect(refused.output).toContain("feeder: the password does not match the broker");
    expect(refused.output).not.toContain("a guess");
    expect(() => readFileSync(stackFile)).toThrow(/ENOENT/);
  });

  it("becomes a stack that changes nothing, with a list of settings that the stack can't express", async () => {
    const { exitCode, stdout, output } = await adopt(addresses(), "--passwords", passwordsFile, "--json");
    expect(exitCode, output).toBe(0);
    const { counts, unexpressed, recorded } = JSON.parse(stdout);
    expect(recorded).toBe(true);
    const adopted = Object.fromEntries(
      counts.map(({ kind, found, adopted: all }: { kind: string; found: number; adopted: number }) => [
        kind,
        `${all} of ${found}`,
      ]),
    );
    expect(adopted).toMatchObject({
      users: "5 of 5",
      permissions: "4 of 4",
      exchanges: "2 of 2",
      queues: "1 of 1",
      policies: "1 of 1",
      "virtual IPs": "1 of 1",
    });
    expect(unexpressed.map(({ place, what }: { place: string; what: string }) => `${place} ${what}`)).toEqual(
      expect.arrayContaining([
        "hare1:/etc/rabbitmq/rabbitmq.config:10 rabbitmq_auth_backend_ldap.network",
        "hare2:/etc/keepalived/keepalived.conf:1 vrrp_script chk_rabbitmq {…}",
      ]),
    );
    const again = await warren("preview", "-s", name, "--expect-no-changes");
    expect(again.exitCode, again.output).toBe(0);
  });

  it("is not changed by that: no file, no unit, no object, no password hash", async () => {
    expect(await traces()).toEqual(before);
  });

  it("has no unencrypted secret in the stack's file or state", () => {
    const text = readFileSync(stackFile, "utf8") + readFileSync(stateFile, "utf8");
    for (const secret of [...Object.values(passwords), handCookie, "bunop"]) expect(text).not.toContain(secret);
  });

  it("reports later manual changes as drift, and up repairs only those", async () => {
    const [first, second] = hosts;
    await on(second, "sed -i 's/priority 100/priority 90/' /etc/keepalived/keepalived.conf");
    await on(first, `${ctl} set_permissions -p / username '.*' '.*' '.*'; ${ctl} clear_policy ha-all`);
    const seen = await warren("preview", "-s", name);
    expect(seen.output).toContain("hare2 has drifted: /etc/keepalived/keepalived.conf: content differs");
    expect(seen.output).toMatch(/has drifted: policy ha-all: is gone/);
    expect(seen.output).toMatch(/has drifted: permissions of username/);

    const repaired = await warren("up", "-s", name, "--yes");
    expect(repaired.exitCode, repaired.output).toBe(0);
    const conf = await on(second, "cat /etc/keepalived/keepalived.conf");
    expect(`${conf.stdout}\n`).toBe(
      handKeepalived({ name: "hare-op", address: `${first.address.replace(/\d+$/, "50")}` }, 100),
    );
    const { stdout } = await on(
      first,
      `${ctl} list_policies --formatter json; ${ctl} list_user_permissions username --formatter json`,
    );
    expect(stdout).toContain('"name":"ha-all"');
    expect(stdout).toContain('"write":"^amq.gen.*$|^cmc.*$"');
    const running = await Promise.all(
      hosts.map(async (host) => (await on(host, "systemctl show -P InvocationID rabbitmq-server")).stdout),
    );
    expect(running.map((id, index) => before[hosts[index]?.name ?? ""]?.includes(id))).toEqual([true, true]);
    const again = await warren("preview", "-s", name, "--expect-no-changes");
    expect(again.exitCode, again.output).toBe(0);
  });

  it("stays when the stack is destroyed: warren installed nothing there", async () => {
    const { exitCode, output } = await warren("destroy", "-s", name, "--yes");
    expect(exitCode, output).toBe(0);
    const { stdout } = await on(
      hosts[0],
      `systemctl is-active rabbitmq-server keepalived; ${ctl} list_users; ${ctl} list_queues name`,
    );
    expect(stdout.split("\n").slice(0, 2)).toEqual(["active", "active"]);
    expect(stdout).toContain("feeder");
    expect(stdout).toContain("cmc.wxo b1");
  });
});
