import { printableBytes, printableLine } from "../../../agents/lib/foreign.ts";
import { appendLog, stackLogFile } from "../../engine/stack-log.ts";
import { fromAll } from "../../lib/lists.ts";
import { exitFindings } from "../../lib/options.ts";
import type { DeadQueue } from "./dead-queue.ts";
import type { Letter } from "./letter.ts";
import { formatPlan, refusalLines } from "./report.ts";
import type { Selection } from "./select.ts";
import { dropIt, type Refusal, refusalsOf, replayBy, type Settled, type Survey, settle } from "./settle.ts";

export type SettleVerb = "replay" | "drop";

const past: Readonly<Record<SettleVerb, string>> = { replay: "replayed", drop: "dropped" };

export interface Task {
  readonly verb: SettleVerb;
  readonly stack: string;
  readonly selection: Selection;
  /** The matching messages of each queue. */
  readonly surveys: readonly Survey[];
  readonly queues: readonly DeadQueue[];
  /** The log; by default in this checkout. */
  readonly logFile?: string;
}

export interface TaskResult {
  readonly exitCode: number;
  readonly text: string;
  readonly results: Settled;
  /** Undefined if nothing was started. */
  readonly logFile?: string;
}

const nothing: Settled = { done: [], refused: [], gone: 0, left: 0 };

/** A task's messages: those that it can settle, and those that stay. */
export interface PlannedTask {
  readonly selected: readonly Letter[];
  readonly refused: readonly Refusal[];
}

export async function planSettle({ verb, surveys, queues }: Task): Promise<PlannedTask> {
  const refused = verb === "replay" ? await refusedOf(surveys, queues) : [];
  const isRefused = new Set(refused.map(({ id }) => id));
  return { selected: surveys.flatMap(({ letters }) => letters).filter(({ id }) => !isRefused.has(id)), refused };
}

/** The result if no message can be settled. */
export const nothingSelected = (letters: readonly Letter[], { refused }: PlannedTask): TaskResult => ({
  exitCode: exitFindings,
  text: letters.length === 0 ? "no message matches\n" : formatPlan([], refused),
  results: { ...nothing, refused },
});

/** Logs the plan, carries it out, and logs the result. After the signal no other message is started; those in flight are finished. */
export async function settleAll(task: Task, planned: PlannedTask, signal: AbortSignal): Promise<TaskResult> {
  const { verb, stack, queues, selection, logFile = stackLogFile("dead-letters", stack) } = task;
  const { selected, refused } = planned;
  await appendLog(logFile, { verb: `dead ${verb}`, event: "begun", selection, letters: selected.map(logged) });
  const all = await Promise.all(queues.map((queue) => settleOne(task, queue, selected, signal)));
  const results = joined(refused, all);
  const { done, ...rest } = results;
  await appendLog(logFile, { verb: `dead ${verb}`, event: "ended", [past[verb]]: done.length, ...rest, done });
  return { exitCode: exitCodeOf(results), text: resultText(verb, results), results, logFile };
}

async function refusedOf(surveys: readonly Survey[], queues: readonly DeadQueue[]): Promise<Refusal[]> {
  return fromAll(queues, (queue) => {
    return refusalsOf(queue, surveys.find(({ broker }) => broker === queue.broker)?.letters ?? []);
  });
}

function settleOne(
  { verb }: Task,
  queue: DeadQueue,
  selected: readonly Letter[],
  signal: AbortSignal,
): Promise<Settled> {
  const ids = selected.flatMap(({ id, broker }) => (broker === queue.broker ? [id] : []));
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

export const messages = (count: number): string => (count === 1 ? "this message" : `these ${count} messages`);

/** After a drop, this is all that is left of the message. */
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

function resultText(verb: SettleVerb, { done, refused, gone, left, fault }: Settled): string {
  return [
    `${past[verb]}: ${done.length}`,
    ...refusalLines(refused),
    ...(gone > 0 ? [`no longer in the queue, or held by another consumer: ${gone}`] : []),
    ...(left > 0 ? [`not done, still in the dead-letter queue: ${left}; run the same command again to continue`] : []),
    ...(fault === undefined ? [] : [`stopped: ${printableLine(fault)}`, ...(verb === "replay" ? [mayBeBoth] : [])]),
    "",
  ].join("\n");
}

const mayBeBoth = "the last messages sent may still be in the dead-letter queue; another replay sends them again";
