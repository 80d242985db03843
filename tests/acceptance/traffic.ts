import { expect, it } from "vitest";
import { virtualIpHolder } from "../../scripts/lab/virtual-ip.ts";
import type { RunResult } from "../../scripts/traffic/run.ts";
import { note } from "./figures.ts";
import { part } from "./one-lab.ts";
import { lab, on, send, stackConfig } from "./subject.ts";

export function products(): void {
  part("products", () => {
    it("come through once and whole, 400 at 20 a second, and every puller takes part", async () => {
      const { account, details, outcome } = await send();
      note("400 products, p99 from closed to received", `${account.latencyMs.p99} ms`, "250 ms");
      expect(outcome).toBe("complete");
      expect(account).toMatchObject({
        announced: { "urp-1": 400, "urp-2": 400 },
        dispatched: 400,
        lost: 0,
        repeated: 0,
        wrongSize: 0,
        wrongContent: 0,
      });
      expect(Object.values(account.pulled).reduce((sum, count) => sum + count, 0)).toBe(400);
      expect(details.idle).toEqual([]);
      expect(account.latencyMs.p99).toBeLessThan(2000);
    });
  });
}

/** Of agents, once for all generations of brokers; those of brokers are `messagesSurvive`'s, each member's, and the chaos's. */
export function agentKills(): void {
  part("no product is lost when kill -9 hits, while products come,", () => {
    it("an announcer, then the working dispatcher, then a puller", async () => {
      const working = (await virtualIpHolder(lab, await stackConfig())) ?? "";
      const result = await sendWithFaults([
        () => kill("urp-1", mainPid("warren-announcer")),
        () => kill(working, mainPid("warren-dispatcher")),
        () => kill("pds-1", mainPid("warren-puller")),
      ]);
      expectNoLoss("agents killed", result);
    });
  });
}

/** Sends products, and does one fault after another, evenly over the time that they come in. */
async function sendWithFaults(faults: readonly (() => Promise<unknown>)[]): Promise<RunResult> {
  const count = 200;
  const done: Promise<unknown>[] = [];
  const result = await send({
    count,
    onProgress: ({ pulled }) => {
      const fault = faults[done.length];
      if (fault && pulled >= ((done.length + 1) * count) / (faults.length + 2)) done.push(fault());
    },
  });
  await Promise.all(done);
  expect(done).toHaveLength(faults.length);
  return result;
}

/** Repeats are allowed here, and reported: whoever is killed between doing and saying so does it again. */
function expectNoLoss(what: string, { account, outcome, details }: RunResult): void {
  note(`${what}: lost`, String(account.lost), "0");
  note(`${what}: repeated`, String(account.repeated));
  note(`${what}: longest way of a product`, `${Math.round(account.latencyMs.max)} ms`);
  expect(outcome).toBe("complete");
  expect(details.lost).toEqual([]);
  expect(account).toMatchObject({ lost: 0, wrongSize: 0, wrongContent: 0 });
}

const mainPid = (unit: string): string => `systemctl show --property=MainPID --value ${unit}`;

/** Kills the process that a command on the host names. Fails where there is none. */
const kill = (host: string, pid: string): Promise<unknown> => on(host, `kill -9 $(${pid})`);
