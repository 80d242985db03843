import { expect, it } from "vitest";
import { drillKinds } from "../../scripts/change/drill/kinds.ts";
import type { DrillReport } from "../../scripts/change/drill/report.ts";
import { virtualIpHolders } from "../../scripts/lab/virtual-ip.ts";
import { note } from "./figures.ts";
import { answerOf, expectAllOnce, runVerb, type Work, whileFlowing } from "./flowing.ts";
import { part } from "./one-lab.ts";
import { lab, stackConfig, until } from "./subject.ts";

/** Twelve hosts, one after the other: two minutes on two idle cores. */
const restartWithinMs = 900_000;
const drillWithinMs = 300_000;
const testWithinMs = 1_200_000;
/** Added to the target in the table of figures, because a test machine is shared. */
const pauseMostMs = 3000;
/** Long enough for products to flow during it. */
const drillHoldSeconds = 2;

interface Rolling {
  readonly perSecond?: number;
  /** Default: all of them. */
  readonly hosts?: readonly string[];
}

/**
 * `./warren restart` of a healthy system, run as a person runs it, while products flow: none is lost, none is dispatched twice. Doesn't prove
 * anything about a restart during which something fails.
 */
export function rollingRestart({ perSecond, hosts }: Rolling = {}): void {
  part("planned work while products flow", () => {
    it("restarts hosts one by one: nothing is lost, nothing is dispatched twice", {
      timeout: testWithinMs,
    }, async () => {
      const { answers, account } = await whileProductsFlow<{
        turns: { host: string; outcome: string; seconds: number }[];
      }>(
        [["restart", "--again", "--wait", "300", ...(hosts ? ["--host", hosts.join()] : [])]],
        restartWithinMs,
        perSecond,
      );
      const [{ turns } = { turns: [] }] = answers.values();
      expect(turns).not.toEqual([]);
      expect(turns.map(({ outcome }) => outcome)).toEqual(turns.map(() => "restarted"));
      const { announcements, brokers } = await stackConfig();
      // The host that had the virtual IP comes last, if it is among them.
      const [holder = ""] = brokers[announcements.broker]?.members ?? [];
      if ((hosts ?? [holder]).includes(holder)) expect(turns.at(-1)?.host).toBe(holder);
      note(
        `rolling restart of ${turns.length} hosts`,
        `${Math.round(turns.reduce((sum, { seconds }) => sum + seconds, 0))} s`,
      );
      expectAllOnce(account);
    });
  });
}

/** Each kind of `./warren drill`, run as a person runs it while products flow: none is lost, none is dispatched twice. */
export function drills(): void {
  part("drills while products flow", () => {
    it("each kind of drill runs, and the system is healthy again", { timeout: testWithinMs }, async () => {
      const verbs = drillKinds.map(({ name }) => ["drill", name, "--hold", String(drillHoldSeconds)]);
      const { answers, account } = await whileProductsFlow<DrillReport>(verbs, drillWithinMs);
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
      expectAllOnce(account);
    });

    it("the virtual IP returns when Ctrl-C stops a drill", { timeout: testWithinMs }, async () => {
      const child = runVerb(["drill", "--hold", "600"], drillWithinMs);
      const holders = async () => virtualIpHolders(lab, await stackConfig());
      const [before] = await holders();
      await until("the address is on another host", drillWithinMs, async () => {
        const now = await holders();
        return now.length === 1 && now[0] !== before;
      });
      child.kill("SIGINT");
      const { exitCode, stderr } = await child;
      expect([exitCode, await holders()]).toEqual([130, [before]]);
      expect(stderr).toContain("accepts the virtual IP again");
    });
  });
}

/** Runs verbs with `--json` as a person does, one after the other. Keys of the answers are the verbs' second words. */
async function whileProductsFlow<Answer>(verbs: readonly (readonly string[])[], timeoutMs: number, perSecond?: number) {
  const answers = new Map<string, Answer>();
  const works = verbs.map((words): Work => {
    const act = async () => {
      answers.set(words[1] ?? "", (await answerOf<Answer>(words, timeoutMs)).answer);
    };
    return { name: words.slice(0, 2).join(" "), act };
  });
  return { account: await whileFlowing(works, testWithinMs, perSecond), answers };
}
