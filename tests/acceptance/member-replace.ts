import { existsSync, readFileSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { recordFile } from "../../scripts/engine/run-record.ts";
import { removeDisk } from "../../scripts/lab/disk.ts";
import { killHost, labUp } from "../../scripts/lab/index.ts";
import { hostKeyPath, knownHostsPath } from "../../scripts/lab/keys.ts";
import { lastSpec } from "../../scripts/lab/registry.ts";
import { hostRoot, needHost } from "../../scripts/lab/ssh.ts";
import { virtualIpHolders } from "../../scripts/lab/virtual-ip.ts";
import { noteSeconds } from "./figures.ts";
import { expectAllOnce, killHalfWay, productsPerSecond, runVerb, whileFlowing } from "./flowing.ts";
import { part } from "./one-lab.ts";
import { expectNothingToChange, lab, stackConfig, textOf } from "./subject.ts";

const replaceWithinMs = 900_000;
const testWithinMs = 1_800_000;

/**
 * The host with the virtual IP is lost with its disk. One command, killed half way and run again while products flow, replaces it by a bare host
 * with another host key. Doesn't prove the same for another address.
 */
export function memberIsReplaced(): void {
  part("a member with the virtual IP whose disk is lost", () => {
    it("is replaced by a bare host while products flow: none lost, none twice", { timeout: testWithinMs }, async () => {
      let seconds = 0;
      const act = async () => {
        seconds = await replaceHolder();
      };
      const account = await whileFlowing([{ name: "member replace", act, mayPage: true }], testWithinMs);
      noteSeconds("member replaced by a bare host, killed half way once", seconds);
      expectAllOnce(account, { called: `  … products during it, ${productsPerSecond} a second` });
      await expectNothingToChange();
    });
  });
}

/** @returns seconds of both runs of the command together */
async function replaceHolder(): Promise<number> {
  const [host = ""] = await virtualIpHolders(lab, await stackConfig());
  const key = await makeBare(host);
  const words = ["member", "replace", host, "--host-key", key];
  const beganMs = performance.now();
  await killHalfWay(words, replaceWithinMs, () => isHalfWay(host));
  const { exitCode, all } = await runVerb(words, replaceWithinMs);
  process.stderr.write(`${all}\n`);
  expect(exitCode, all).toBe(0);
  expect(all).toContain("took over the lock of");
  expect(all).toContain("done: pin, forget, journal");
  expect(all).toContain("verify: no broken link");
  // Its package started it, after all files that it reads were written.
  const starts = await textOf(host, "journalctl --unit rabbitmq-server --output cat | grep --count '^Starting '");
  expect(starts).toBe("1");
  return (performance.now() - beganMs) / 1000;
}

/** Kills the host, removes its disk, and boots a bare host of the same name, with a key that is not in the stack. @returns that key */
async function makeBare(host: string): Promise<string> {
  const { record, host: found } = await needHost(lab, host);
  await killHost(lab, host);
  await removeDisk(record, found);
  for (const end of ["", ".pub"]) await rm(`${hostKeyPath(lab, host)}${end}`, { force: true });
  const spec = await lastSpec(lab);
  if (!spec) throw new Error(`no lab ${lab}`);
  const before = await readFile(knownHostsPath(lab), "utf8");
  await labUp(spec);
  // The stack reads a host's first line, so it still expects the old key; ssh accepts any line, so this test can connect.
  await writeFile(knownHostsPath(lab), before + (await readFile(knownHostsPath(lab), "utf8")));
  return (await readFile(`${hostKeyPath(lab, host)}.pub`, "utf8")).trim();
}

/** Whether the replacement is in the middle of `up`. */
async function isHalfWay(host: string): Promise<boolean> {
  const file = recordFile("member-replace", lab);
  if (!existsSync(file)) return false;
  const { done } = JSON.parse(readFileSync(file, "utf8")) as { readonly done: readonly string[] };
  return done.includes("journal") && existsSync(join(await hostRoot(lab, host), "etc/rabbitmq"));
}
