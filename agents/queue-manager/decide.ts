import type { Config, QueueClass } from "./config.ts";
import type { Binding, QueueFacts } from "./queue-facts.ts";

/** `stuck`: this agent can do nothing more with it. */
export type Stage = "seen" | "warned" | "unbound" | "stuck";

/** A remembered queue that is unused and over its limit. */
export interface Watched {
  readonly vhost: string;
  readonly name: string;
  /** Milliseconds for which it was seen in that state. Time without polls does not count. */
  readonly unusedMs: number;
  /** When it was last polled, milliseconds since 1970. */
  readonly seenMs: number;
  /** `QueueFacts.uses` at that time. */
  readonly uses: number;
  readonly stage: Stage;
  /** Removed bindings, to be restored for a client that returns. */
  readonly bindings: readonly Binding[];
}

export type Step = "warn" | "unbind" | "delete" | "bind-again";

/** One step for one queue. */
export interface Action {
  readonly step: Step;
  readonly className: string;
  readonly queue: QueueFacts;
  readonly watched: Watched;
}

export interface Decision {
  readonly actions: readonly Action[];
  readonly watched: ReadonlyMap<string, Watched>;
}

/** The class of a queue with this name; undefined if the queue is left alone. */
export type Classify = (name: string) => QueueClass | undefined;

export interface Poll {
  readonly queues: readonly QueueFacts[];
  /** Queues that exist but whose state is unknown now: they stay remembered as they are. */
  readonly unknown: readonly { readonly vhost: string; readonly name: string }[];
  readonly nowMs: number;
}

export interface Rules {
  readonly classOf: Classify;
  readonly intervalSeconds: number;
}

/** After so many intervals without a poll the time between does not count: nothing is known about it. */
const intervalsUnseenMax = 3;

export function keyOf({ vhost, name }: { readonly vhost: string; readonly name: string }): string {
  return JSON.stringify([vhost, name]);
}

export function classify({ keep, classes }: Pick<Config, "keep" | "classes">): Classify {
  const kept = keep.map((pattern) => new RegExp(pattern, "u"));
  const patterns = classes.map((own) => ({ own, expression: new RegExp(own.pattern, "u") }));
  return (name) => {
    if (kept.some((expression) => expression.test(name))) return undefined;
    return patterns.find(({ expression }) => expression.test(name))?.own;
  };
}

export function isTooFull({ messages, bytes }: QueueFacts, { messagesMax, bytesMax }: QueueClass): boolean {
  return messages > messagesMax || bytes > bytesMax;
}

/** Whether a client uses it: has subscribed, or has got or acked messages since the last poll. */
export function isUsed({ consumers, uses }: QueueFacts, watched: Pick<Watched, "uses"> | undefined): boolean {
  return consumers > 0 || (watched !== undefined && uses !== watched.uses);
}

/**
 * The steps to take, and the queues to remember, after a poll. A queue goes one step at a time: warned, unbound, deleted, each after a
 * time for which it was unused and over its limit. A queue that is used again gets its bindings back and starts from scratch.
 */
export function decide({ queues, unknown, nowMs }: Poll, before: ReadonlyMap<string, Watched>, rules: Rules): Decision {
  const actions: Action[] = [];
  const watched = new Map<string, Watched>();
  for (const queue of unknown) {
    const known = before.get(keyOf(queue));
    if (known) watched.set(keyOf(queue), known);
  }
  for (const queue of queues) {
    const key = keyOf(queue);
    const known = before.get(key);
    const own = rules.classOf(queue.name);
    if (!own || isUsed(queue, known) || !isStillWatched(queue, known, own)) {
      // Remembered until its bindings are restored.
      if (known && known.bindings.length > 0) {
        watched.set(key, { ...known, unusedMs: 0, seenMs: nowMs, uses: queue.uses, stage: "seen" });
        actions.push({ step: "bind-again", className: own?.name ?? "", queue, watched: known });
      }
      continue;
    }
    const next = update(queue, known, nowMs, rules.intervalSeconds);
    watched.set(key, next);
    const step = dueStep(next, own);
    if (step) actions.push({ step, className: own.name, queue, watched: next });
  }
  return { actions, watched };
}

/** An unbound queue gets no messages and may lose some to their TTL: being below its limit then is no reason to stop. */
function isStillWatched(queue: QueueFacts, known: Watched | undefined, own: QueueClass): boolean {
  return isTooFull(queue, own) || known?.stage === "unbound" || known?.stage === "stuck";
}

function update(queue: QueueFacts, known: Watched | undefined, nowMs: number, intervalSeconds: number): Watched {
  const { vhost, name, uses } = queue;
  if (!known) return { vhost, name, unusedMs: 0, seenMs: nowMs, uses, stage: "seen", bindings: [] };
  const sinceMs = nowMs - known.seenMs;
  const isContinuous = sinceMs >= 0 && sinceMs <= intervalsUnseenMax * intervalSeconds * 1000;
  return { ...known, unusedMs: known.unusedMs + (isContinuous ? sinceMs : 0), seenMs: nowMs };
}

function dueStep({ stage, unusedMs }: Watched, own: QueueClass): Step | undefined {
  const unusedSeconds = unusedMs / 1000;
  if (stage === "seen" && unusedSeconds >= own.warnAfterSeconds) return "warn";
  if (stage === "warned" && unusedSeconds >= own.unbindAfterSeconds) return "unbind";
  if (stage === "unbound" && unusedSeconds >= own.deleteAfterSeconds) return "delete";
  return undefined;
}
