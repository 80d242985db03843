import { execa } from "execa";
import { expect } from "vitest";
import { checkoutDirectory } from "../../scripts/lab/paths.ts";
import type { Account } from "../chaos/account.ts";
import type { Fault } from "../chaos/faults.ts";
import { formatChaos } from "../chaos/report.ts";
import { runChaos } from "../chaos/run.ts";
import { closeScene, openScene, type Scene } from "../chaos/scene.ts";
import { note } from "./figures.ts";
import { budgetPages, pagesDuring } from "./pages.ts";
import { lab, stackConfig, until } from "./subject.ts";

const seed = 5;
/** Product rate during planned work: the requirement's figure. */
export const productsPerSecond = 50;
/** The rate for two cores that also run thirteen hosts: the tests need a steady flow, not a high rate. */
export const fewPerSecond = 10;

/** What flows during planned work. */
export interface Flow {
  /** By a broker of 3.10, whose mirrors may repeat what was under way. */
  readonly mayDeliverTwice?: boolean;
  /** Default: `productsPerSecond`. */
  readonly perSecond?: number;
}

export interface Work {
  readonly name: string;
  /** It is a fault, about which somebody may be woken. */
  readonly mayPage?: true;
  /** Its products are delivered in time, so pages about latency budgets count as well. */
  readonly keepsBudgets?: true;
  act(scene: Scene): Promise<void>;
}

/**
 * Does work in place of faults: products flow before, during and after it, the system is healthy after each work, and each product is counted.
 * Planned work wakes nobody.
 */
export async function whileFlowing(
  works: readonly Work[],
  withinMs: number,
  ratePerSecond = productsPerSecond,
): Promise<Account> {
  const scene = await openScene(lab, await stackConfig());
  const failures: unknown[] = [];
  const faults = works.map(
    ({ name, act }): Fault => ({
      ...{ name, summary: name, expectation: "none lost, none twice", holdMs: [0, 0], heal: async () => {} },
      hosts: ({ holder, others }) => [holder, ...others],
      onPage: { nothing: "planned work is no fault" },
      inject: async () => {
        const atMs = Date.now();
        await act(scene).catch((error: unknown) => failures.push(error));
        return { atMs };
      },
    }),
  );
  try {
    const ignored = works.every(({ keepsBudgets }) => keepsBudgets) ? undefined : budgetPages;
    const run = () =>
      runChaos({
        ...{ scene, seed, faults, rounds: faults.length, ratePerSecond },
        durationMs: Number.POSITIVE_INFINITY,
        signal: AbortSignal.timeout(withinMs),
        say: (text) => process.stderr.write(`${text}\n`),
      });
    const { done: result, pages } = await pagesDuring(run, ignored);
    process.stderr.write(formatChaos(result, { faults, notDone: {}, color: false }));
    if (failures.length > 0) throw failures[0];
    expect(result.rounds.map(({ missing }) => missing)).toEqual(faults.map(() => undefined));
    if (!works.some(({ mayPage }) => mayPage)) expect(pages, "pages during planned work").toEqual([]);
    return result.account;
  } finally {
    closeScene(scene);
  }
}

/** Runs a verb as a person does, in its own process group, so that it can be killed with all its children. */
export function runVerb(words: readonly string[], timeoutMs: number) {
  return execa("./warren", [...words, "-s", lab, "--yes"], {
    ...{ cwd: checkoutDirectory, stdin: "ignore", reject: false, all: true, detached: true, timeout: timeoutMs },
    env: { NO_COLOR: "1" },
  });
}

/** Runs a verb with `--json`. @returns its answer and standard error @throws if it fails */
export async function answerOf<Answer>(
  words: readonly string[],
  timeoutMs: number,
): Promise<{ readonly answer: Answer; readonly stderr: string }> {
  const { exitCode, stdout, stderr } = await runVerb([...words, "--json"], timeoutMs);
  process.stderr.write(`${stderr}\n${stdout}\n`);
  if (exitCode !== 0) throw new Error(`./warren ${words.join(" ")} exited with ${exitCode}: ${stderr}${stdout}`);
  return { answer: JSON.parse(stdout) as Answer, stderr };
}

/** Kills a verb half way, with its engine and everything that the engine has started, as a power cut would. */
export async function killHalfWay(
  words: readonly string[],
  timeoutMs: number,
  isHalfWay: (output: string) => boolean | Promise<boolean>,
): Promise<void> {
  const child = runVerb(words, timeoutMs);
  let output = "";
  child.all?.on("data", (text: Buffer) => (output += text.toString()));
  let hasExited = false;
  const end = child.finally(() => (hasExited = true));
  try {
    await until(`${words.join(" ")} is half way`, timeoutMs, async () => {
      if (hasExited) throw new Error(`it exited before it was killed: ${output}`);
      return isHalfWay(output);
    });
  } finally {
    if (child.pid !== undefined && !hasExited) process.kill(-child.pid, "SIGKILL");
  }
  await end;
}

interface Wanted {
  /** For the table of figures. */
  readonly called?: string;
  /** Only noted then: two halves of a mirrored pair may each deliver the same message once. */
  readonly mayDeliverTwice?: boolean;
}

/** Expects that no product was lost, wrong, dispatched twice or delivered twice. */
export function expectAllOnce(
  account: Account,
  { called = "  … products during it", mayDeliverTwice = false }: Wanted = {},
): void {
  note(`${called}: lost`, String(account.lost), "0");
  note("  … dispatched twice", String(account.repeatedAnnounced), "0");
  note("  … delivered twice", String(account.repeatedDelivered), "0");
  expect(account).toMatchObject({ lost: 0, wrong: 0, repeatedAnnounced: 0 });
  if (!mayDeliverTwice) expect(account.repeatedDelivered).toBe(0);
}
