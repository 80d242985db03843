import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readDefinitions } from "../../scripts/change/backup/brokers.ts";
import { objectNames } from "../../scripts/change/backup/definitions.ts";
import type { Progress } from "../../scripts/change/restore/progress.ts";
import { readOperatorCa } from "../../scripts/engine/operator-ca.ts";
import { recordFile } from "../../scripts/engine/run-record.ts";
import { labDown } from "../../scripts/lab/index.ts";
import { bringHosts } from "../../scripts/lab/job.ts";
import { hostRoot } from "../../scripts/lab/ssh.ts";
import { callBroker, labCluster } from "./broker.ts";
import { noteSeconds } from "./figures.ts";
import { killHalfWay } from "./flowing.ts";
import { part } from "./one-lab.ts";
import { expectNothingToChange, lab, send, stackConfig, warren } from "./subject.ts";

/** For a backup, two restores and some products. */
const testWithinMs = 600_000;
const halfWayWithinMs = 120_000;
const queue = "q_anonymous.drill";
const handMade = [
  "user partner",
  "permissions of partner",
  `queue ${queue}`,
  `binding cmc v00.drill.# to queue ${queue}`,
];

/**
 * The drill: all hosts are lost with their data and replaced by bare ones. One command, killed half way together with its engine and then run
 * again, restores them until products flow.
 */
export function backupAndRestore(): void {
  part("a backup", () => {
    it(
      "restores bare hosts until products flow, with one command that is killed half way and run again",
      async () => {
        const kept = await mkdtemp(join(tmpdir(), "warren-drill-"));
        const file = join(kept, "lab.backup");
        try {
          await makeByHand();
          const product = join(kept, `201501201810~~DRILL,${Date.now()}:URP:DRL:RADAR:META`);
          await writeFile(product, "of the drill");
          expect((await send({ files: [product] })).account).toMatchObject({ dispatched: 1, lost: 0 });
          const ca = await readOperatorCa(lab);
          const saved = await warren(["backup", "-s", lab, "--to", file]);
          noteSeconds("backup", saved.seconds);
          expect(saved.exitCode, saved.output).toBe(0);
          expect((await stat(file)).mode & 0o777).toBe(0o600);
          expect((await warren(["backup", "--verify", file])).exitCode).toBe(0);
          const over = await warren(["restore", "-s", lab, "--from", file]);
          expect(over, over.output).toMatchObject({
            exitCode: 1,
            output: expect.stringContaining("no terminal to ask on"),
          });

          await labDown(lab);
          await bringHosts(lab, AbortSignal.timeout(300_000));
          await killHalfWay(["restore", "--from", file], halfWayWithinMs, isHalfWay);
          const restored = await warren(["restore", "-s", lab, "--from", file, "--yes"]);
          noteSeconds("restore on bare hosts, second half", restored.seconds, 90);
          expect(restored.exitCode, restored.output).toBe(0);
          expect(restored.output).toContain("restored, products can flow");
          expect(restored.output).toContain("took over the lock of");
          expect(restored.output).toContain("done: state, journals");

          expect(await definedObjects()).toEqual(expect.arrayContaining(handMade));
          // External clients still trust the CA that they have.
          expect(await readOperatorCa(lab)).toEqual(ca);
          await expectProducts();
          // The restored journal lets dispatchers recognise the product: it is announced again, but not dispatched.
          const again = await send({ files: [product], stallMs: 5000 });
          expect(again.account).toMatchObject({ announced: { "urp-1": 1, "urp-2": 1 }, dispatched: 0 });
          await expectNothingToChange();
        } finally {
          await rm(kept, { recursive: true });
        }
      },
      testWithinMs,
    );
  });
}

/** Makes objects that clients have on a broker and no config mentions. */
async function makeByHand(): Promise<void> {
  await callBroker("PUT", "users/partner", { password: "partner-of-the-drill", tags: "" });
  const rights = { configure: "^q_partner", write: "^q_partner", read: ".*" };
  await callBroker("PUT", "permissions/%2F/partner", rights);
  await callBroker("PUT", `queues/%2F/${queue}`, { durable: true });
  await callBroker("POST", `bindings/%2F/e/cmc/q/${queue}`, { routing_key: "v00.drill.#" });
}

async function definedObjects(): Promise<string[]> {
  const found = await readDefinitions(await labCluster(), await readOperatorCa(lab));
  if ("why" in found) throw new Error(found.why);
  return objectNames(found.answer.parsed);
}

/** Whether the restore is in the middle of `up`. */
async function isHalfWay(): Promise<boolean> {
  const progress = recordFile("restore", lab);
  if (!existsSync(progress)) return false;
  const { done } = JSON.parse(readFileSync(progress, "utf8")) as Progress;
  const [host = ""] = Object.keys((await stackConfig()).hosts);
  return done.includes("journals") && existsSync(join(await hostRoot(lab, host), "etc/warren"));
}

async function expectProducts(): Promise<void> {
  const { account, outcome } = await send({ count: 40 });
  expect(outcome).toBe("complete");
  expect(account).toMatchObject({ dispatched: 40, lost: 0, repeated: 0 });
}
