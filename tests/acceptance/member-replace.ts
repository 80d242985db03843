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
 * The host that has the virtual IP is lost with its disk, and a bare one with another host key takes its place by one command, which is killed half way
 * and given again, while products flow. Doesn't prove the same with another address.
 */
export function memberIsReplaced(): void {
  part("a member whose disk is lost, with the virtual IP on it", () => {
    it("is replaced by a bare host while products flow: none lost, none twice", { timeout: testWithinMs }, async () => {
      let seconds = 0;
      const act = async () => {
        seconds = await replaceHolder();
      };
      const account = await whileFlowing([{ name: "member replace", act }], testWithinMs);
      noteSeconds("member replaced, from bare, killed half way once", seconds);
      expectAllOnce(account, { called: `  … products meanwhile, ${productsPerSecond} a second` });
      await expectNothingToChange();
    });
  });
}

/** @returns seconds that both runs of the command took */
async function replaceHolder(): Promise<number> {
  const [host = ""] = await virtualIpHolders(lab, await stackConfig());
  const key = await makeAnew(host);
  const words = ["member", "replace", host, "--host-key", key];
  const beganMs = performance.now();
  await killHalfWay(words, replaceWithinMs, () => isHalfWay(host));
  const { exitCode, all } = await runVerb(words, replaceWithinMs);
  process.stderr.write(`${all}\n`);
  expect(exitCode, all).toBe(0);
  expect(all).toContain("took over the lock of");
  expect(all).toContain("done: pin, forget, journal");
  expect(all).toContain("verify: no broken link");
  // By its package, when all that it reads was there.
  const starts = await textOf(host, "journalctl --unit rabbitmq-server --output cat | grep --count '^Starting '");
  expect(starts).toBe("1");
  return (performance.now() - beganMs) / 1000;
}

/** The plug, then the disk; a bare host of the same name boots, with a key that the stack doesn't know. @returns that key */
async function makeAnew(host: string): Promise<string> {
  const { record, host: found } = await needHost(lab, host);
  await killHost(lab, host);
  await removeDisk(record, found);
  for (const end of ["", ".pub"]) await rm(`${hostKeyPath(lab, host)}${end}`, { force: true });
  const spec = await lastSpec(lab);
  if (!spec) throw new Error(`no lab ${lab}`);
  const before = await readFile(knownHostsPath(lab), "utf8");
  await labUp(spec);
  // The stack reads the first line of a host, so that it goes on to believe the old key; ssh takes any, so that this test gets in.
  await writeFile(knownHostsPath(lab), before + (await readFile(knownHostsPath(lab), "utf8")));
  return (await readFile(`${hostKeyPath(lab, host)}.pub`, "utf8")).trim();
}

/** In the middle of `up`. */
async function isHalfWay(host: string): Promise<boolean> {
  const file = recordFile("member-replace", lab);
  if (!existsSync(file)) return false;
  const { done } = JSON.parse(readFileSync(file, "utf8")) as { readonly done: readonly string[] };
  return done.includes("journal") && existsSync(join(await hostRoot(lab, host), "etc/rabbitmq"));
}
