import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { stringify } from "yaml";
import { nodeProgram } from "../../infra/model/agent-part.ts";
import { fixtureSecrets } from "../../infra/model/fixture.ts";
import { ensureToolchain } from "../../scripts/engine/toolchain/toolchain.ts";
import { allocateLabIndex, hostExec, labDirectory, labDown, labUp } from "../../scripts/lab/index.ts";
import { changedResources, warren } from "./subject.ts";

// Two radar servers, one for each Debian release, and so for each version of systemd, with a broker. What only a host's systemd and its file system show:
// pauses between restarts, and the digest of a large program that has changed.

const lab = "restarts";
const bookworm = "urp-1";
const trixie = "urp-2";
const agent = "warren-announcer";
const config = "/etc/warren/announcer.json";

const sh = async (host: string, script: string): Promise<string> =>
  (await hostExec(lab, host, ["sh", "-ec", script], { timeoutMs: 60_000 })).stdout.trim();
const remove = () => warren(["pulumi", "stack", "rm", "--yes", "--force", "--preserve-config", "-s", lab]);

beforeAll(async () => {
  await labDown(lab);
  await ensureToolchain();
  const index = await allocateLabIndex(lab);
  const hosts = [
    { name: "bunny1", address: `10.203.${index}.21`, release: "bookworm" as const, roles: ["bunny"] },
    { name: bookworm, address: `10.203.${index}.11`, release: "bookworm" as const, roles: ["urp"] },
    { name: trixie, address: `10.203.${index}.12`, release: "trixie" as const, roles: ["urp"] },
  ];
  await labUp({ name: lab, index, hosts });
  const stack = {
    "warren:ssh": {
      user: "root",
      privateKeyFile: `.warren/labs/${lab}/id_ed25519`,
      knownHostsFile: `.warren/labs/${lab}/known_hosts`,
    },
    "warren:hosts": Object.fromEntries(hosts.map(({ name, ...host }) => [name, host])),
    "warren:brokers": { bunny: { members: ["bunny1"], series: "3.10", plainText: true } },
    "warren:announcements": { broker: "bunny" },
    "warren:secrets": fixtureSecrets,
  };
  await writeFile(join(labDirectory(lab), `Pulumi.${lab}.yaml`), stringify({ config: stack }));
  await remove();
  const up = await warren(["up", "-s", lab, "--yes"]);
  expect(up.exitCode, up.output).toBe(0);
});
afterAll(async () => {
  await remove();
  await labDown(lab);
  await rm(join(labDirectory(lab), `Pulumi.${lab}.yaml`), { force: true });
});

it.each([bookworm, trixie])(
  "%s restarts a failing agent after growing pauses, and at once on request",
  async (host) => {
    const failures = () => sh(host, `cat /run/warren-restarts/announcer/failures`);
    await sh(host, `mv ${config} ${config}.away; systemctl --no-block restart ${agent}`);
    // The seventh start is the first after a pause of four seconds.
    const seen = async () => [
      Number((await failures()).split(" ")[0]),
      await sh(host, `systemctl show -P SubState ${agent}`),
    ];
    await vi.waitFor(async () => expect(await seen()).toEqual([6, "start-pre"]), { timeout: 120_000, interval: 500 });
    expect(await sh(host, `systemctl is-failed ${agent} || true`)).toBe("activating");
    await sh(host, `mv ${config}.away ${config}; timeout 20 systemctl restart ${agent}`);
    expect(await sh(host, `systemctl is-active ${agent}`)).toBe("active");
    expect(await failures()).toMatch(/^0 \d+$/);
  },
);

it("preview finds one changed byte of Node, though its size and time are the same; up repairs it", async () => {
  const offset = 64 * 1024 * 1024;
  await sh(
    trixie,
    `cp -p ${nodeProgram} /root/node; printf '\\252' | dd of=/root/node bs=1 seek=${offset} conv=notrunc; touch -r ${nodeProgram} /root/node; mv /root/node ${nodeProgram}`,
  );
  const preview = () => warren(["preview", "-s", lab]);
  const seen = await preview();
  expect(seen.exitCode, seen.output).toBe(0);
  expect(seen.output).toMatch(new RegExp(`${trixie} has drifted: ${nodeProgram}: sha256 .* instead of sha256`));
  expect(seen.output).not.toContain(`${bookworm} has drifted`);
  const up = await warren(["up", "-s", lab, "--yes"]);
  expect(up.exitCode, up.output).toBe(0);
  const after = await preview();
  expect(changedResources(after.output)).toEqual([]);
  expect(await sh(trixie, `find ${nodeProgram} -cnewer ${nodeProgram}.checked`)).toBe("");
});
