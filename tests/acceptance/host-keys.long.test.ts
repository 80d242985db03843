import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { fixtureSecrets } from "../../infra/model/fixture.ts";
import { fingerprintOf } from "../../infra/model/host-key.ts";
import { ensureToolchain } from "../../scripts/engine/toolchain/toolchain.ts";
import { allocateLabIndex, hostExec, labDirectory, labDown, labUp } from "../../scripts/lab/index.ts";
import { checkoutDirectory } from "../../scripts/lab/paths.ts";
import { changedResources, resourceCounts, stackTrace, type WarrenResult, warren } from "./subject.ts";

// A stack whose file names no known_hosts: a broker and a radar server behind it. Each test continues from the previous one.

const lab = "host-keys";
const jump = "bunny1";
const behind = "urp-1";
const stackFile = join(labDirectory(lab), `Pulumi.${lab}.yaml`);
const firstContact = join(checkoutDirectory, ".warren/ssh", `${lab}.first_contact`);
const accepted = join(checkoutDirectory, ".warren/ssh", `${lab}.accepted`);
const newKey = "/etc/ssh/ssh_host_ed25519_key";

const sh = (host: string, script: string) => hostExec(lab, host, ["sh", "-ec", script], { timeoutMs: 60_000 });
const preview = () => warren(["preview", "-s", lab]);
const up = () => warren(["up", "-s", lab, "--yes"]);

/** A host's public key, `TYPE BASE64`, read on the host itself. */
async function keyOf(host: string): Promise<string> {
  const { stdout } = await sh(host, `cat ${newKey}.pub`);
  return stdout.trim().split(" ").slice(0, 2).join(" ");
}

async function recorded(): Promise<unknown> {
  const { output } = await warren(["pulumi", "stack", "output", "--json", "-s", lab]);
  return (JSON.parse(output) as { hostKeys?: unknown }).hostKeys;
}

/** Ends the observer's shared connections, which were made with the previous key; two idle minutes would end them too. */
async function endSharedConnections(): Promise<void> {
  for (const host of [behind, jump]) {
    await execa("ssh", ["-F", `.warren/ssh/${lab}.config`, "-O", "exit", host], {
      cwd: checkoutDirectory,
      reject: false,
    });
  }
}

beforeAll(async () => {
  await labDown(lab);
  await ensureToolchain();
  const index = await allocateLabIndex(lab);
  const address = (byte: number) => `10.203.${index}.${byte}`;
  const hosts = [
    { name: jump, address: address(21), release: "bookworm" as const },
    { name: behind, address: address(11), release: "bookworm" as const },
  ];
  await labUp({ name: lab, index, hosts });
  await Promise.all([firstContact, accepted].map((file) => rm(file, { force: true })));
  const config = {
    "warren:ssh": { user: "root", privateKeyFile: `.warren/labs/${lab}/id_ed25519` },
    "warren:hosts": {
      // The host behind the jump host is listed first: a connection through a jump host may need its key before it is queried itself.
      [behind]: { address: address(11), roles: ["urp"], ssh: { via: jump } },
      [jump]: { address: address(21), roles: ["bunny"] },
    },
    "warren:brokers": { bunny: { members: [jump], series: "3.10", plainText: true } },
    "warren:announcements": { broker: "bunny" },
    "warren:secrets": fixtureSecrets,
  };
  await writeFile(stackFile, stringify({ config }));
  await warren(["pulumi", "stack", "rm", "--yes", "--force", "--preserve-config", "-s", lab]);
});
afterAll(async () => {
  await endSharedConnections();
  await warren(["pulumi", "stack", "rm", "--yes", "--force", "--preserve-config", "-s", lab]);
  await labDown(lab);
});

function expectGood(result: WarrenResult): void {
  expect(result.exitCode, result.output).toBe(0);
  expect(result.output).not.toMatch(stackTrace);
}

describe("hosts without a configured host key", () => {
  const expectShown = async (output: string) => {
    for (const host of [jump, behind]) {
      expect(output).toContain(
        `${host}: host key ${fingerprintOf(await keyOf(host))} not confirmed; compare it on its console: ssh-keygen -lf ${newKey}.pub`,
      );
    }
  };

  it("get nothing from an up without a terminal, which shows each fingerprint and how to compare it", async () => {
    const refused = await up();
    expect(refused.exitCode, refused.output).toBe(1);
    await expectShown(refused.output);
    expect(refused.output).toContain("--accept-new-hosts");
    expect(await readFile(firstContact, "utf8")).toContain(await keyOf(behind));
  });

  it("are shown by preview, too", async () => {
    const seen = await preview();
    expectGood(seen);
    await expectShown(seen.output);
  });

  it("get nothing from the engine alone: the program registers no resource", async () => {
    const refused = await warren(["pulumi", "up", "--yes", "--skip-preview", "-s", lab]);
    expect(refused.exitCode, refused.output).not.toBe(0);
    expect(refused.output).not.toMatch(stackTrace);
    await expectShown(refused.output);
    expect((await sh(behind, "ls -d /etc/warren || true")).stdout.trim()).toBe("");
    expect(await recorded()).toBeUndefined();
  });

  it("are accepted by --accept-new-hosts, and recorded by that up", async () => {
    expectGood(await warren(["up", "-s", lab, "--yes", "--accept-new-hosts"]));
    expect(await recorded()).toEqual({ [behind]: await keyOf(behind), [jump]: await keyOf(jump) });
  });

  it("must have the recorded key, also for a checkout that has never connected to them", async () => {
    await Promise.all([firstContact, accepted].map((file) => rm(file)));
    const seen = await preview();
    expectGood(seen);
    expect(seen.output).not.toContain("not confirmed");
    expect(changedResources(seen.output)).toEqual([]);
    await expect(readFile(firstContact)).rejects.toThrow("ENOENT");
  });
});

describe("a host whose key has changed", () => {
  let before: string;
  let after: string;

  it("is refused by preview with its name, both fingerprints and the remedy; the other host is observed", async () => {
    before = await keyOf(behind);
    await sh(behind, `rm ${newKey} ${newKey}.pub; ssh-keygen -q -t ed25519 -N '' -f ${newKey}; systemctl restart ssh`);
    after = await keyOf(behind);
    expect(after).not.toBe(before);
    await sh(jump, "echo drift >> /etc/hosts");
    await sh(behind, "echo drift >> /etc/hosts");
    await endSharedConnections();

    const seen = await preview();
    expect(seen.exitCode, seen.output).not.toBe(0);
    expect(seen.output).toContain(
      `${behind}: its host key is ${fingerprintOf(after)}, not ${fingerprintOf(before)} as recorded in the stack`,
    );
    expect(seen.output).toContain(`--path warren:hosts.${behind}.ssh.hostKey`);
    expect(seen.output).toContain(`${jump} has drifted: /etc/hosts: content differs`);
    expect(seen.output).not.toContain(`${behind} has drifted`);
    expect(seen.output).not.toMatch(stackTrace);
  });

  it("is refused by up, which repairs the other host; the old key stays recorded", async () => {
    const tried = await up();
    expect(tried.exitCode, tried.output).not.toBe(0);
    expect(tried.output).toContain(`${behind}: its host key is ${fingerprintOf(after)}`);
    expect(tried.output).not.toMatch(stackTrace);
    expect((await sh(jump, "grep -c drift /etc/hosts || true")).stdout.trim()).toBe("0");
    expect((await sh(behind, "grep -c drift /etc/hosts")).stdout.trim()).toBe("1");
    expect(await recorded()).toMatchObject({ [behind]: before });
  });

  it("is accepted after the printed command, and its key is recorded: then the config doesn't need it", async () => {
    const key = [`warren:hosts.${behind}.ssh.hostKey`, "-s", lab, "--path"];
    const set = await warren(["pulumi", "config", "set", ...key, `${after} root@${behind}`]);
    expect(set.exitCode, set.output).toBe(0);
    const seen = await preview();
    expectGood(seen);
    expect(seen.output).toContain(`${behind} has drifted: /etc/hosts: content differs`);
    expectGood(await up());
    expect((await sh(behind, "grep -c drift /etc/hosts || true")).stdout.trim()).toBe("0");
    expect(await recorded()).toMatchObject({ [behind]: after });

    await warren(["pulumi", "config", "rm", ...key]);
    const without = await preview();
    expectGood(without);
    expect(changedResources(without.output)).toEqual([]);
    expect(resourceCounts(without.output)).not.toHaveProperty("updated");
  });
});
