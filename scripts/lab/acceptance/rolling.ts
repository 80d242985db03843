import { execa } from "execa";
import { describe, expect, it } from "vitest";
import type { Fault } from "../../chaos/faults.ts";
import { formatChaos } from "../../chaos/report.ts";
import { runChaos } from "../../chaos/run.ts";
import { closeScene, openScene } from "../../chaos/scene.ts";
import { drillKinds } from "../../drill/kinds.ts";
import type { DrillReport } from "../../drill/report.ts";
import { checkoutDirectory } from "../paths.ts";
import { virtualIpHolders } from "../virtual-ip.ts";
import { note } from "./figures.ts";
import { lab, stackConfig, until } from "./subject.ts";

const seed = 5;
const perSecond = 20;
/** Ten hosts one after the other, each waited for: two minutes on two idle cores. */
const restartWithinMs = 900_000;
const drillWithinMs = 300_000;
const testWithinMs = 1_200_000;
/** Beyond what is wanted, which the table of figures has: a test machine is shared. */
const pauseMostMs = 3000;
/** Long enough for products to come meanwhile. */
const drillHoldSeconds = 2;

interface Limits {
  /** Noted, not held: two halves of a mirrored pair may give out the same message, each for the first time. */
  readonly mayDeliverTwice?: boolean;
}

/**
 * What an operator does to a sound system by `./warren restart` and `./warren drill`, while products flow: none is lost, none goes out twice. Both are run
 * as a person runs them. Doesn't prove what a restart does to a system that breaks meanwhile.
 */
export function rolling({ mayDeliverTwice = false }: Limits = {}): void {
  describe("planned work while products flow", () => {
    it("restarts all hosts in turn: nothing is lost, nothing goes out twice", { timeout: testWithinMs }, async () => {
      const { answers, account } = await whileProductsFlow<{
        turns: { host: string; outcome: string; seconds: number }[];
      }>([["restart", "--again", "--wait", "300"]], restartWithinMs);
      const [{ turns } = { turns: [] }] = answers.values();
      expect(turns).not.toEqual([]);
      expect(turns.map(({ outcome }) => outcome)).toEqual(turns.map(() => "restarted"));
      const { announcements, brokers } = await stackConfig();
      // The one that had the virtual IP.
      expect(turns.at(-1)?.host).toBe(brokers[announcements.broker]?.members[0]);
      note("rolling restart of all hosts", `${Math.round(turns.reduce((sum, { seconds }) => sum + seconds, 0))} s`);
      note("  … products meanwhile: lost", String(account.lost), "0");
      note("  … dispatched twice", String(account.repeatedAnnounced), "0");
      note("  … delivered twice", String(account.repeatedDelivered), "0");
      expect(account).toMatchObject({ lost: 0, wrong: 0, repeatedAnnounced: 0 });
      if (!mayDeliverTwice) expect(account.repeatedDelivered).toBe(0);
    });

    it("goes on through each kind of drill, and is whole again", { timeout: testWithinMs }, async () => {
      const drills = drillKinds.map(({ name }) => ["drill", name, "--hold", String(drillHoldSeconds)]);
      const { answers, account } = await whileProductsFlow<DrillReport>(drills, drillWithinMs);
      for (const { name, pauseWantedMs } of drillKinds) {
        const answer = answers.get(name);
        expect(answer).toMatchObject({ kind: name, ok: true, trouble: [], account: { lost: [], repeated: [] } });
        const wanted = pauseWantedMs === undefined ? undefined : `${pauseWantedMs} ms`;
        for (const { what, from, to, pauseMs = Number.NaN, usualMs, products } of answer?.phases ?? []) {
          const address = from === to ? from : `${from} to ${to}`;
          note(`drill, ${answer?.host} ${what}, ${address}: nothing dispatched for`, `${pauseMs} ms`, wanted);
          note("  … longest of the minute before", `${usualMs} ms`);
          expect(products, what).toBeGreaterThan(0);
          expect(pauseMs, what).toBeLessThan((pauseWantedMs ?? 0) + pauseMostMs);
        }
        expect(answer?.phases).toHaveLength(2);
        expect(answer?.account?.announced).toBeGreaterThan(0);
      }
      expect(account).toMatchObject({ lost: 0, wrong: 0, repeatedAnnounced: 0 });
      if (!mayDeliverTwice) expect(account.repeatedDelivered).toBe(0);
    });

    it("lets the virtual IP back when a drill is broken off by Ctrl-C", { timeout: testWithinMs }, async () => {
      const child = start(["drill", "--hold", "600"], drillWithinMs);
      const holders = async () => virtualIpHolders(lab, await stackConfig());
      const [before] = await holders();
      await until("the address is on another host", drillWithinMs, async () => {
        const now = await holders();
        return now.length === 1 && now[0] !== before;
      });
      child.kill("SIGINT");
      const { exitCode, stderr } = await child;
      expect([exitCode, await holders()]).toEqual([130, [before]]);
      expect(stderr).toContain("may have the virtual IP again");
    });
  });
}

function start(words: readonly string[], timeoutMs: number) {
  return execa("./warren", [...words, "-s", lab, "--yes", "--json"], {
    cwd: checkoutDirectory,
    reject: false,
    stdin: "ignore",
    timeout: timeoutMs,
    env: { NO_COLOR: "1" },
  });
}

/** Runs verbs in the place of faults: products come before, meanwhile and afterwards, and each is counted. Answers are by a verb's second word. */
async function whileProductsFlow<Answer>(verbs: readonly (readonly string[])[], timeoutMs: number) {
  const scene = await openScene(lab, await stackConfig());
  const answers = new Map<string, Answer>();
  const work = verbs.map((words): Fault => {
    const [verb = "", what = ""] = words;
    const inject = async () => {
      const atMs = Date.now();
      const { exitCode, stdout, stderr } = await start(words, timeoutMs);
      process.stderr.write(`${stderr}\n${stdout}\n`);
      if (exitCode !== 0) throw new Error(`./warren ${words.join(" ")} ended with ${exitCode}: ${stderr}`);
      answers.set(what, JSON.parse(stdout) as Answer);
      return { atMs };
    };
    return {
      ...{ name: `${verb} ${what}`, summary: `./warren ${words.join(" ")}`, expectation: "none lost, none twice" },
      ...{ holdMs: [0, 0], hosts: ({ holder, others }) => [holder, ...others], inject, heal: async () => {} },
    };
  });
  try {
    const result = await runChaos({
      ...{ scene, seed, faults: work, rounds: work.length, ratePerSecond: perSecond },
      durationMs: Number.POSITIVE_INFINITY,
      signal: AbortSignal.timeout(testWithinMs),
      say: (text) => process.stderr.write(`${text}\n`),
    });
    process.stderr.write(formatChaos(result, { faults: work, notDone: {}, color: false }));
    expect(result.rounds.map(({ missing }) => missing)).toEqual(work.map(() => undefined));
    return { answers, account: result.account };
  } finally {
    closeScene(scene);
  }
}
