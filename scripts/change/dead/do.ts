import { printableBytes, printableLine } from "../../../agents/lib/foreign.ts";
import { appendLog, stackLogFile } from "../../engine/stack-log.ts";
import { confirm } from "../../lib/confirm.ts";
import { interruptibleTwice } from "../../lib/interruption.ts";
import { exitFindings } from "../../lib/options.ts";
import type { DeadQueue } from "./dead-queue.ts";
import type { Letter } from "./letter.ts";
import { formatPlan, refusalLines } from "./report.ts";
import type { Selection } from "./select.ts";
import { dropIt, type Refusal, refusalsOf, replayBy, type Settled, type Survey, settle } from "./settle.ts";

export type Doing = "replay" | "drop";

const past: Readonly<Record<Doing, string>> = { replay: "replayed", drop: "dropped" };

export interface Task {
  readonly verb: Doing;
  readonly stack: string;
  readonly selection: Selection;
  /** What was found in each of the queues. */
  readonly surveys: readonly Survey[];
  readonly queues: readonly DeadQueue[];
  readonly yes: true | undefined;
  /** Where it is written down; in this checkout unless given. */
  readonly logFile?: string;
}

export interface TaskResult {
  readonly exitCode: number;
  /** For people. */
  readonly text: string;
  readonly results: Settled;
  /** Undefined where nothing was begun. */
  readonly logFile?: string;
}

const nothing: Settled = { done: [], refused: [], gone: 0, left: 0 };

/**
 * Shows what is about to be done, asks, writes it down, does it, and writes down what became of it. A Ctrl-C begins no other message, and waits for those
 * under way.
 *
 * @throws UserError where it is not confirmed
 */
export async function settleAll(task: Task): Promise<TaskResult> {
  const { verb, stack, surveys, queues, logFile = stackLogFile("dead-letters", stack) } = task;
  const letters = surveys.flatMap((one) => one.letters);
  const refused = verb === "replay" ? await refusedOf(surveys, queues) : [];
  const isRefused = new Set(refused.map(({ id }) => id));
  const meant = letters.filter(({ id }) => !isRefused.has(id));
  if (meant.length === 0) {
    const why = letters.length === 0 ? "no such message\n" : formatPlan([], refused);
    return { exitCode: exitFindings, text: why, results: { ...nothing, refused } };
  }
  process.stderr.write(formatPlan(letters, refused));
  await confirm({ verb: `dead ${verb}`, text: `${verb} ${messages(meant.length)}`, yes: task.yes });
  await appendLog(logFile, {
    verb: `dead ${verb}`,
    event: "begun",
    selection: task.selection,
    letters: meant.map(logged),
  });
  let results: Settled = { ...nothing, left: meant.length };
  const second = () => `ended; what had not left the dead-letter queue is there; the log is ${logFile}`;
  const first = "ending with what is under way; once more ends at once";
  await interruptibleTwice({ verb: `dead ${verb}`, first, second }, async (signal) => {
    results = joined(refused, await Promise.all(queues.map((queue) => settleOne(task, queue, meant, signal))));
  });
  const { done, ...rest } = results;
  await appendLog(logFile, { verb: `dead ${verb}`, event: "ended", [past[verb]]: done.length, ...rest, done });
  return { exitCode: exitCodeOf(results), text: resultText(verb, results), results, logFile };
}

async function refusedOf(surveys: readonly Survey[], queues: readonly DeadQueue[]): Promise<Refusal[]> {
  const refused = await Promise.all(
    queues.map((queue) => refusalsOf(queue, surveys.find(({ broker }) => broker === queue.broker)?.letters ?? [])),
  );
  return refused.flat();
}

function settleOne({ verb }: Task, queue: DeadQueue, meant: readonly Letter[], signal: AbortSignal): Promise<Settled> {
  const ids = meant.flatMap(({ id, broker }) => (broker === queue.broker ? [id] : []));
  const act = verb === "replay" ? replayBy(queue) : dropIt;
  return ids.length === 0 ? Promise.resolve(nothing) : settle(queue, ids, { act, signal });
}

function joined(refused: readonly Refusal[], all: readonly Settled[]): Settled {
  const sum = (of: (one: Settled) => number) => all.reduce((total, one) => total + of(one), 0);
  const fault = all.find((one) => one.fault !== undefined)?.fault;
  return {
    done: all.flatMap(({ done }) => done),
    refused: [...refused, ...all.flatMap((one) => one.refused)],
    gone: sum(({ gone }) => gone),
    left: sum(({ left }) => left),
    ...(fault === undefined ? {} : { fault }),
  };
}

const messages = (count: number): string => (count === 1 ? "this message" : `these ${count} messages`);

/** A drop is for good: what is left of the message is this. */
function logged({ id, broker, agent, reason, origin, exchange, routingKey, bodyBytes, bodyStart }: Letter) {
  const from = "why" in origin ? { exchange, routingKey } : origin;
  return {
    ...{ id, broker, agent, reason, ...from, bodyBytes },
    body: printableBytes(bodyStart, bodyBytesLogged),
  };
}

const bodyBytesLogged = 300;

function exitCodeOf({ refused, gone, left, fault }: Settled): number {
  if (fault !== undefined || left > 0) return 1;
  return refused.length > 0 || gone > 0 ? exitFindings : 0;
}

function resultText(verb: Doing, { done, refused, gone, left, fault }: Settled): string {
  return [
    `${past[verb]}: ${done.length}`,
    ...refusalLines(refused),
    ...(gone > 0 ? [`not there any more, or in somebody else's hands: ${gone}`] : []),
    ...(left > 0 ? [`not done, and in the dead-letter queue as before: ${left}; the same command goes on`] : []),
    ...(fault === undefined ? [] : [`broken off: ${printableLine(fault)}`, ...(verb === "replay" ? [mayBeBoth] : [])]),
    "",
  ].join("\n");
}

const mayBeBoth = "what was sent last may be in the dead-letter queue, too: replayed again, it is sent once more";
