import type { Command } from "commander";
import type { UserError } from "../../agents/lib/errors.ts";
import type { StackConfig } from "../../infra/config/index.ts";
import { type SeriesTraits, traitsOf } from "../../infra/config/series.ts";
import type { Hosts } from "../../infra/hosts/connect.ts";
import { openHosts } from "../engine/hosts.ts";
import { confirmNewHosts } from "../engine/new-hosts.ts";
import { silenceTickets } from "../engine/silences.ts";
import { readCommittedConfig } from "../engine/stack-config.ts";
import { withStackLock } from "../engine/stack-lock.ts";
import { freeEngine } from "../engine/toolchain/engine-lock.ts";
import { ensureToolchain } from "../engine/toolchain/toolchain.ts";
import { describeProblem, type Problem } from "../inspect/health.ts";
import { type Observer, openObserver } from "../inspect/snapshot/snapshot.ts";
import { confirm, requireTerminal } from "../lib/confirm.ts";
import { type Interruption, interruptibleTwice, interruptibleWithin } from "../lib/interruption.ts";
import { acceptNewHostsOption, exitFindings, type RunbookFlags, seconds, stackOf, toJson } from "../lib/options.ts";
import type { EngineContext } from "./restore/engine.ts";

/** Options of every runbook; `wait` and `timeout` are set if its book adds them. */
export interface Flags extends RunbookFlags {
  readonly yes?: true;
  readonly acceptNewHosts?: true;
  readonly dryRun?: true;
  readonly wait: number;
  readonly timeout: number;
}

/** Everything about a runbook except its steps. */
export interface Book {
  /** Its name in messages and in the stack's lock. */
  readonly verb: string;
  /** Adds its arguments and options. @returns the command that runs it */
  readonly options: (command: Command) => Command;
  /** Shown by `--help` below the options. */
  readonly help: string;
  /** Its plan takes long, so a missing terminal is reported before planning. */
  readonly asksLate?: boolean;
  /** Whether it needs no lock, because it changes nothing that another verb changes. */
  readonly lockless?: (flags: object) => boolean;
  /** Finds the stack, for verbs that do not always need one. */
  readonly stackOf?: typeof stackOf;
  /** Texts at Ctrl-C, where they differ from the default ones. */
  readonly interrupted?: (run: Pick<Run, "stack" | "broken">) => Partial<Omit<Interruption, "verb">> & {
    readonly brokenOff?: string;
    readonly late?: { readonly more?: string; readonly remedy: string };
  };
}

/** One run of a runbook. */
export interface Run<Own = object, Words extends readonly unknown[] = readonly unknown[]> {
  readonly stack: string;
  readonly flags: Flags & Own;
  /** The command line's arguments. */
  readonly words: Words;
  /** Aborted by the first Ctrl-C and by the timeout: the current step is finished, and no other step is started. */
  readonly signal: AbortSignal;
  /** Prints progress to standard error, as lines: they survive in a log, while zx's `spinner` overwrites itself. */
  say(text: string): void;
  /** Called at the end, whether the run succeeded or failed. */
  readonly onEnd: (() => unknown)[];
  /** What a second Ctrl-C still repairs; empty when nothing is broken on purpose. */
  readonly broken: { heal?: (() => Promise<unknown>) | undefined; host?: string; byHand?: string };
}

/** What the runbook is about to do. */
export interface Plan {
  /** Printed to standard error before the question. */
  readonly text: string;
  /** Problems found before anything is done. If there are any, nothing is done, and the exit code is 2. */
  readonly findings?: readonly string[];
  /** Why it can't be done; thrown after the plan is shown. */
  readonly refusal?: UserError | undefined;
  /** For `--json` when nothing is done. */
  readonly json?: unknown;
  /** The question, e.g. `restart these units of op`; without one, the work starts at once. */
  readonly question?: string;
  /** A host whose key the work itself confirms. Those of all other hosts are confirmed before the question. */
  readonly pins?: string;
  /** Hosts whose tickets are silenced at the stack's monitor during the work; see `silenceTickets`. */
  readonly touches?: readonly string[];
  work(): Promise<Report>;
}

/** The result, for standard output. */
export interface Report {
  /** Without it, `--json` prints the text. */
  readonly json?: unknown;
  /** For people; ends with a newline unless empty. */
  readonly text: string;
  readonly exitCode?: number;
}

/** Options of a runbook that changes a stack. */
export const changing = (command: Command): Command =>
  command
    .option("--dry-run", "show the plan and exit")
    .option("-y, --yes", "don't ask for confirmation; required without a terminal")
    .option(...acceptNewHostsOption);

export const waitOption = (command: Command, text: string, usual: number): Command =>
  command.option("--wait <seconds>", text, seconds, usual);

export const timeoutOption = (
  command: Command,
  usual: number,
  text = "give up after this time; run the command again to continue",
) => command.option("--timeout <seconds>", text, seconds, usual);

/**
 * A verb of planned work: options, then the stack's lock, the plan, its findings, the question, the steps, the report. The first Ctrl-C stops it after
 * the current step, the second at once. A runbook that keeps a record continues after a kill when the same command is run again.
 *
 * @param open makes the plan and changes nothing; returns a report if there is nothing to do
 * @param confirmHosts asks about host keys that nobody has confirmed, because the work sends secrets and commands to the hosts
 */
export function runbook<Own = object, Words extends readonly unknown[] = readonly []>(
  book: Book,
  open: (run: Run<Own, Words>) => Promise<Plan | Report>,
  confirmHosts = confirmNewHosts,
): { define(command: Command): void } {
  const start = async (...given: unknown[]): Promise<void> => {
    const [words, flags] = [given.slice(0, -2) as unknown as Words, given.at(-2) as Flags & Own];
    const stack = (book.stackOf ?? stackOf)(flags, book.verb);
    if (book.asksLate) requireTerminal(book.verb, flags.yes || flags.dryRun);
    const say = (text: string) => void process.stderr.write(`warren: ${text}\n`);
    const onEnd: (() => unknown)[] = [];
    const run = { stack, flags, words, say, onEnd, broken: {} };
    const isLockless = flags.dryRun === true || book.lockless?.(flags) === true;
    const texts = textsOf(book, run);
    const all = async (signal: AbortSignal) => {
      const work = async () => go(book, { ...run, signal }, await open({ ...run, signal }), confirmHosts);
      try {
        await (isLockless ? work() : withStackLock({ stack, verb: book.verb, say }, work));
      } finally {
        for (const end of onEnd) await end();
      }
    };
    const { timeout: timeoutSeconds } = flags;
    await (timeoutSeconds === undefined
      ? interruptibleTwice(texts, all)
      : interruptibleWithin({ ...texts, timeoutSeconds }, all));
  };
  return {
    define(command) {
      book.options(command).addHelpText("after", `\n${book.help}`).action(start);
    },
  };
}

const continues = "fix it, then run the same command again to continue";

const textsOf = (book: Book, run: Pick<Run, "stack" | "broken">) => ({
  verb: book.verb,
  first: "stopping after the current step; press Ctrl-C again to stop at once",
  second: () => "stopped in the middle of a step; run the same command again to continue",
  brokenOff: "interrupted; run the same command again to continue",
  late: { remedy: "run the same command again to continue" },
  ...book.interrupted?.(run),
});

async function go(
  { verb }: Book,
  { stack, flags, signal, say }: Run,
  plan: Plan | Report,
  confirmHosts: typeof confirmNewHosts,
): Promise<void> {
  signal.throwIfAborted();
  if (!("work" in plan)) return report(flags, plan);
  const { text, findings = [], refusal, json, question, pins, touches } = plan;
  process.stderr.write(text);
  for (const finding of findings) process.stderr.write(`✗ ${finding}\n`);
  if (findings.length > 0) process.exitCode = exitFindings;
  const isDone = findings.length > 0 || flags.dryRun === true;
  if (isDone && flags.json && json !== undefined) process.stdout.write(toJson(json));
  if (refusal) throw refusal;
  if (isDone) return;
  if (question !== undefined) {
    await confirmHosts({ stack, verb, accept: flags.acceptNewHosts, config: readCommittedConfig(stack), except: pins });
    await confirm({ verb, text: question, yes: flags.yes });
  }
  const silenced = touches && { stack, config: readCommittedConfig(stack), hosts: touches, verb, say };
  const endSilence = silenced && (await silenceTickets(silenced));
  try {
    report(flags, await plan.work());
  } finally {
    await endSilence?.();
  }
}

function report(flags: Flags, { json, text, exitCode }: Report): void {
  if (exitCode) process.exitCode = exitCode;
  process.stdout.write(flags.json && json !== undefined ? toJson(json) : text);
}

/** A finding with its remedy, in two lines. */
export const remedied = (problem: Problem): string => `${describeProblem(problem)}\n  remedy: ${problem.remedy}`;

/** A running system, and the means to observe it and to run commands on its hosts. */
export interface System {
  readonly observer: Observer;
  readonly reach: Hosts;
  readonly broker: StackConfig["brokers"][string];
  readonly replication: SeriesTraits["replication"];
}

export async function openSystem({ stack, onEnd }: Run, config: StackConfig): Promise<System> {
  const broker = config.brokers[config.announcements.broker];
  if (!broker) throw new TypeError(`no broker ${config.announcements.broker}`);
  const observer = await openObserver(stack);
  onEnd.push(() => observer.close());
  return { observer, reach: await openHosts(stack, config), broker, replication: traitsOf(broker.series).replication };
}

/** The engine, ready for this run. Waits for an engine that an earlier run left at work. @param remedy printed if the engine fails */
export async function openEngine({ stack, flags, signal, say }: Run, remedy = continues): Promise<EngineContext> {
  const toolchain = await ensureToolchain({ signal });
  const engine: EngineContext = { stack, toolchain, signal, say, quiet: flags.json === true, remedy };
  if (!flags.dryRun) await freeEngine(engine);
  return engine;
}
