import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { StackConfig } from "../../infra/config/index.ts";
import { awaitNoProblem, describeProblem, type Problem } from "../../scripts/inspect/health.ts";
import type { Evidence } from "../../scripts/inspect/snapshot/evidence.ts";
import { type Observer, openObserver } from "../../scripts/inspect/snapshot/snapshot.ts";
import { type Verification, verify } from "../../scripts/inspect/verify/judge.ts";
import { hopsOf, type ProbeResult } from "../../scripts/inspect/verify/probe/hops.ts";
import { checkoutDirectory } from "../../scripts/lab/paths.ts";
import { hostsOf } from "../../scripts/lab/send-products.ts";
import { poll } from "../../scripts/lib/poll.ts";
import type { LabFault } from "../faults/fault.ts";
import { publicFaults } from "../faults/public.ts";
import { radarFaults } from "../faults/radar.ts";
import { note } from "./figures.ts";
import { part } from "./one-lab.ts";
import { lab, on, stackConfig } from "./subject.ts";
import { perform, startTrickle, type Trickle } from "./verify-acts.ts";

const testWithinMs = 600_000;
/** A broker boots, its members reconnect, mirrors catch up, the virtual IP returns: seconds, but minutes on a busy machine. */
const healthyWithinMs = 360_000;
const namedWithinMs = 90_000;
const everyMs = 100;
/** On a busy machine; the target is five. */
const answerWithinSeconds = 10;

interface VerifyAnswer extends Verification {
  readonly seconds: number;
  readonly exitCode: number | undefined;
  readonly probes?: readonly ProbeResult[];
}

const allFaults: readonly LabFault[] = [...radarFaults, ...publicFaults];

/** One fault that heals quickly for each kind of host, by the letters of its name. */
const faultOfEachKind: readonly LabFault[] = Object.values(
  Object.groupBy(
    allFaults.filter(({ isSlow }) => !isSlow),
    ({ host }) => host.replace(/[\d-].*$/, ""),
  ),
).flatMap((faults) => faults?.[0] ?? []);

/**
 * Makes the table's faults on the hosts while products flow. `./warren verify --json`, run as a person runs it, names the host and step of each within
 * ten seconds. Between faults, and at the end, it reports no problem. Proves nothing about several faults at once.
 *
 * @param all makes every fault; otherwise one for each kind of host
 */
export function verifyNamesFaults({ all }: { readonly all: boolean }): void {
  part("verify names the first broken link", () => {
    const faults = all ? allFaults : faultOfEachKind;
    let observer: Observer;
    let trickle: Trickle;
    let config: StackConfig;
    const slowest: number[] = [];

    beforeAll(async () => {
      config = await stackConfig();
      trickle = await startTrickle(config);
      observer = await openObserver(lab);
      await untilHealthy(observer);
    }, healthyWithinMs + 30_000);
    afterAll(async () => {
      observer.close();
      await trickle.stop();
      note("verify, its slowest report of a fault", `${Math.max(...slowest).toFixed(1)} s`, "5 s");
    });

    it.each(faults.map((fault) => [fault.name, fault] as const))("%s", { timeout: testWithinMs }, async (_, fault) => {
      const { withheld } = trickle;
      try {
        await perform(fault.inject, { config, withheld });
        const answer = await untilNamed(fault);
        slowest.push(answer.seconds);
        expect(answer.firstBroken).toMatchObject({ host: fault.host, id: fault.step });
        expect(answer.firstBroken?.remedy).toMatch(/\S/);
        expect(answer).toMatchObject({ ok: false, exitCode: 2 });
        expect(answer.seconds).toBeLessThan(answerWithinSeconds);
      } finally {
        await perform(fault.heal, { config, withheld });
        await untilHealthy(observer);
      }
    });

    it("nothing is broken: it reports no problem", { timeout: testWithinMs }, async () => {
      await untilHealthy(observer, statisticsMs);
      const { ok, firstBroken, exitCode, steps, seconds } = await run();
      expect({ ok, firstBroken, exitCode }).toEqual({ ok: true, firstBroken: null, exitCode: 0 });
      expect(steps.filter(({ verdict }) => verdict !== "good")).toEqual([]);
      note("verify on a healthy lab", `${seconds.toFixed(1)} s`, "5 s");
    });

    it("nothing is broken: a probe goes down both paths", { timeout: testWithinMs }, async () => {
      const { probes = [], exitCode } = await run("--probe");
      expect(probes).toMatchObject([
        { road: "radar", arrived: true, left: [] },
        { road: "public", sender: "ftp", arrived: true, left: [] },
        { road: "public", sender: "sftp", arrived: true, left: [] },
      ]);
      const hops = probes.map((probe) => new Set(probe.hops.map(({ hop }) => hop)));
      expect(hops).toEqual(probes.map(({ road }) => new Set(hopsOf[road])));
      expect(exitCode).toBe(0);
      for (const { road, sender, totalMs } of probes) {
        note(`a probe on the ${road} path${sender === undefined ? "" : ` by ${sender}`}`, `${totalMs} ms`);
      }
    });

    if (!all) return;

    it("no puller runs: a probe stops before it is pulled", { timeout: testWithinMs }, async () => {
      const pullers = hostsOf(config, "pds");
      const all = (verb: string) => Promise.all(pullers.map((host) => on(host, `systemctl ${verb} warren-puller`)));
      await all("stop");
      try {
        const { probes = [], exitCode } = await run("--probe", "--deadline", "3");
        expect(probes).toMatchObject([
          { road: "radar", arrived: false, stopped: { hop: "pulled" }, left: ["urp-1", "urp-2"] },
          { road: "public", sender: "ftp", arrived: true },
          { road: "public", sender: "sftp", arrived: true },
        ]);
        expect(exitCode).toBe(2);
      } finally {
        await all("--no-block start");
        await untilHealthy(observer);
      }
    });
  });
}

async function run(...options: readonly string[]): Promise<VerifyAnswer> {
  const beganMs = performance.now();
  const { stdout, stderr, exitCode } = await execa("./warren", ["verify", "-s", lab, "--json", ...options], {
    ...{ cwd: checkoutDirectory, reject: false, stdin: "ignore", timeout: 60_000 },
  });
  const seconds = (performance.now() - beganMs) / 1000;
  if (!stdout.startsWith("{")) throw new Error(`verify printed no JSON (exit code ${exitCode}): ${stderr}`);
  return { ...(JSON.parse(stdout) as Verification), seconds, exitCode };
}

/** The first answer that names the link in time, otherwise the last one: some faults show only after a connection ends or a product arrives. */
async function untilNamed({ host, step }: LabFault): Promise<VerifyAnswer> {
  let last: VerifyAnswer | undefined;
  const named = await poll(
    async () => {
      last = await run();
      const { firstBroken, seconds } = last;
      return firstBroken?.host === host && firstBroken.id === step && seconds < answerWithinSeconds && last;
    },
    { everyMs, withinMs: namedWithinMs },
  );
  if (!named && !last) throw new Error("verify did not run");
  return named ?? (last as VerifyAnswer);
}

/** Brokers report consumers up to five seconds late: a restarted one is first shown as before, then as missing. */
const statisticsMs = 6_000;

/** @param forMs how long without interruption, milliseconds */
async function untilHealthy(observer: Observer, forMs = 0): Promise<void> {
  const judge = (evidence: Evidence): Problem | undefined => {
    const { steps } = verify(evidence, { productAgeSeconds: observer.chain.silenceSeconds });
    const found = steps.find(({ verdict }) => verdict !== "good");
    return found && { ...found, remedy: found.remedy ?? "" };
  };
  const snapshot = () => observer.snapshot({ withMetrics: false, withFetches: true });
  const problem = await awaitNoProblem(snapshot, judge, { withinMs: healthyWithinMs, forMs, onProblem: () => {} });
  if (problem) throw new Error(`not healthy again within ${healthyWithinMs / 1000} s: ${describeProblem(problem)}`);
}
