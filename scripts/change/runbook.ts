import type { Command } from "commander";
import type { UserError } from "../../agents/lib/errors.ts";
import type { StackConfig } from "../../infra/config/index.ts";
import { type SeriesTraits, traitsOf } from "../../infra/config/series.ts";
import type { Hosts } from "../../infra/hosts/connect.ts";
import { openHosts } from "../engine/hosts.ts";
import { withStackLock } from "../engine/stack-lock.ts";
import { freeEngine } from "../engine/toolchain/engine-lock.ts";
import { ensureToolchain } from "../engine/toolchain/toolchain.ts";
import { describeProblem, type Problem } from "../inspect/health.ts";
import { type Observer, openObserver } from "../inspect/snapshot/snapshot.ts";
import { confirm, requireTerminal } from "../lib/confirm.ts";
import { type Interruption, interruptibleTwice, interruptibleWithin } from "../lib/interruption.ts";
import { exitFindings, type RunbookFlags, seconds, stackOf, toJson } from "../lib/options.ts";
import type { EngineContext } from "./restore/engine.ts";

/** What every runbook is told; `wait` and `timeout` are there where its book has them. */
export interface Flags extends RunbookFlags {
  readonly yes?: true;
  readonly dryRun?: true;
  readonly wait: number;
  readonly timeout: number;
}

/** What of a runbook is not its steps. */
export interface Book {
  /** As messages and the stack's lock name it. */
  readonly verb: string;
  /** Adds its arguments and options, and those of `changing` where it has them. @returns the command that it is the action of */
  readonly options: (command: Command) => Command;
  /** Shown by `--help` below the options. */
  readonly help: string;
  /** Its plan takes long: a terminal that is missing is reported before. */
  readonly asksLate?: boolean;
  /** Whether it needs no lock: it changes nothing that another verb does. */
  readonly lockless?: (flags: object) => boolean;
  /** The stack that it is about, where that is not always one. */
  readonly stackOf?: typeof stackOf;
  /** Texts of a Ctrl-C that differ from the usual ones. */
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
  /** Aborted by the first Ctrl-C, and by the timeout: what was begun is finished, and nothing else is begun. */
  readonly signal: AbortSignal;
  /** For the person who waits, on standard error: lines, which stay in a log, where zx's `spinner` writes over itself. */
  say(text: string): void;
  /** Called at the end, whatever became of the run. */
  readonly onEnd: (() => unknown)[];
  /** What a second Ctrl-C still repairs; undefined where nothing is broken on purpose. */
  readonly broken: { heal?: (() => Promise<unknown>) | undefined; host?: string; byHand?: string };
}

/** What is about to be done. */
export interface Plan {
  /** Shown on standard error to the person who is asked. */
  readonly text: string;
  /** What is wrong before anything is done: nothing is done, and the exit code is 2. */
  readonly findings?: readonly string[];
  /** Why it can't be done; thrown when the plan was shown. */
  readonly refusal?: UserError | undefined;
  /** For `--json` where nothing is done. */
  readonly json?: unknown;
  /** What the person is asked, e.g. `restart these units of op`; left out: nobody is asked. */
  readonly question?: string;
  /** The steps. */
  work(): Promise<Report>;
}

/** What was done, for standard output. */
export interface Report {
  /** Left out: it is the same text for programs. */
  readonly json?: unknown;
  /** For people; ends with a newline unless it is empty. */
  readonly text: string;
  readonly exitCode?: number;
}

/** The options of a runbook that changes a stack. */
export const changing = (command: Command): Command =>
  command
    .option("--dry-run", "show the plan, and end")
    .option("-y, --yes", "don't ask; needed where there is no terminal to ask on");

export const waitOption = (command: Command, text: string, usual: number): Command =>
  command.option("--wait <seconds>", text, seconds, usual);

export const timeoutOption = (command: Command, usual: number, text = "give up after that; the same command goes on") =>
  command.option("--timeout <seconds>", text, seconds, usual);

/**
 * A verb of planned work: flags, then the stack's lock, the plan, its findings, the question, the steps, the report. The first Ctrl-C ends it after the
 * step that is under way, the second one at once. What a runbook keeps on record lets the same command continue after a kill.
 *
 * @param open makes the plan, and does nothing else; a report where there is nothing to do
 */
export function runbook<Own = object, Words extends readonly unknown[] = readonly []>(
  book: Book,
  open: (run: Run<Own, Words>) => Promise<Plan | Report>,
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
      const work = async () => go(book, { ...run, signal }, await open({ ...run, signal }));
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

const continues = "repair it; the same command goes on where it was";

const textsOf = (book: Book, run: Pick<Run, "stack" | "broken">) => ({
  verb: book.verb,
  first: "finishing what is under way; once more ends at once",
  second: () => "ended half way; the same command goes on where it was",
  brokenOff: "broken off; the same command goes on where it was",
  late: { remedy: "the same command goes on where it was" },
  ...book.interrupted?.(run),
});

async function go({ verb }: Book, { flags, signal }: Run, plan: Plan | Report): Promise<void> {
  signal.throwIfAborted();
  if (!("work" in plan)) return report(flags, plan);
  const { text, findings = [], refusal, json, question } = plan;
  process.stderr.write(text);
  for (const finding of findings) process.stderr.write(`✗ ${finding}\n`);
  if (findings.length > 0) process.exitCode = exitFindings;
  const isDone = findings.length > 0 || flags.dryRun === true;
  if (isDone && flags.json && json !== undefined) process.stdout.write(toJson(json));
  if (refusal) throw refusal;
  if (isDone) return;
  if (question !== undefined) await confirm({ verb, text: question, yes: flags.yes });
  report(flags, await plan.work());
}

function report(flags: Flags, { json, text, exitCode }: Report): void {
  if (exitCode) process.exitCode = exitCode;
  process.stdout.write(flags.json && json !== undefined ? toJson(json) : text);
}

/** A finding with its remedy, in two lines. */
export const remedied = (lack: Problem): string => `${describeProblem(lack)}\n  remedy: ${lack.remedy}`;

/** A running system, as it is looked at and reached. */
export interface System {
  readonly looker: Observer;
  readonly reach: Hosts;
  readonly broker: StackConfig["brokers"][string];
  readonly replication: SeriesTraits["replication"];
}

export async function openSystem({ stack, onEnd }: Run, config: StackConfig): Promise<System> {
  const broker = config.brokers[config.announcements.broker];
  if (!broker) throw new TypeError(`no broker ${config.announcements.broker}`);
  const looker = await openObserver(stack);
  onEnd.push(() => looker.close());
  return { looker, reach: await openHosts(stack, config), broker, replication: traitsOf(broker.series).replication };
}

/** The engine, ready for this run: one that an earlier run left at work is waited for. @param remedy where it fails */
export async function openEngine({ stack, flags, signal, say }: Run, remedy = continues): Promise<EngineContext> {
  const toolchain = await ensureToolchain({ signal });
  const engine: EngineContext = { stack, toolchain, signal, say, quiet: flags.json === true, remedy };
  if (!flags.dryRun) await freeEngine(engine);
  return engine;
}
