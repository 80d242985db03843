import type { Delivery } from "../../../agents/lib/subscription.ts";
import { type DeadQueue, lettersMost, type Walked } from "./dead-queue.ts";
import type { IsolatingOutcome } from "./isolating-publisher.ts";
import { idOf, type Letter, letterOf, originOf, ownHeaders } from "./letter.ts";
import { isSelected, type Selection } from "./select.ts";

/** Bytes of bodies that may wait for a confirm; messages beyond that stay in the queue for the next round. */
const bytesInFlightMax = 64 << 20;

export interface Survey extends Walked {
  readonly broker: string;
  /** The selected messages. */
  readonly letters: readonly Letter[];
}

/** Reads a queue from its head and changes nothing. */
export async function survey(queue: DeadQueue, selection: Selection, atMost: number): Promise<Survey> {
  const letters: Letter[] = [];
  const walked = await queue.walk({
    atMost,
    visit(delivery) {
      const letter = letterOf(delivery, queue);
      if (isSelected(selection, letter, delivery)) letters.push(letter);
      return undefined;
    },
  });
  return { broker: queue.broker, letters, ...walked };
}

/** A letter that stays in its queue. */
export interface Refusal {
  readonly id: string;
  readonly why: string;
}

export interface Settled {
  /** Ids of the letters that have left the queue. */
  readonly done: readonly string[];
  readonly refused: readonly Refusal[];
  /** Planned but not delivered again: another consumer has removed or holds them. */
  readonly gone: number;
  /** Not started, because the run was stopped. */
  readonly left: number;
  /** Why it stopped before the end. */
  readonly fault?: string;
}

/** Handles one letter. @returns why it stays in the queue; undefined if it may be acked */
export type Act = (delivery: Delivery) => Promise<string | undefined>;

/** Letters that can't be replayed; checked before anything is done. */
export async function refusalsOf(queue: DeadQueue, letters: readonly Letter[]): Promise<Refusal[]> {
  const faults = new Map<string, string | undefined>();
  const refusals: Refusal[] = [];
  for (const { id, origin } of letters) {
    if ("why" in origin) {
      refusals.push({ id, why: origin.why });
      continue;
    }
    const { exchange } = origin;
    if (!faults.has(exchange)) faults.set(exchange, await queue.exchangeFault(exchange));
    const why = faults.get(exchange);
    if (why !== undefined) refusals.push({ id, why });
  }
  return refusals;
}

const outcomes: Readonly<Record<Exclude<IsolatingOutcome & string, "confirmed">, string>> = {
  returned: "no queue there is bound for it",
  nacked: "the broker refused it",
  lost: "the connection was closed before the broker confirmed it",
};

/** Publishes a letter as it was before it was dead-lettered: to its exchange, with its routing key and its own headers. */
export const replayBy =
  ({ publisher, origins }: DeadQueue): Act =>
  async (delivery) => {
    const origin = originOf(delivery, origins);
    if ("why" in origin) return origin.why;
    const { body, contentType, timestampSeconds } = delivery;
    try {
      const outcome = await publisher.publish(origin.exchange, origin.routingKey, body, {
        headers: ownHeaders(delivery),
        ...(contentType === undefined ? {} : { contentType }),
        ...(timestampSeconds === undefined ? {} : { timestampSeconds }),
      });
      if (typeof outcome === "object") return outcome.why;
      return outcome === "confirmed" ? undefined : outcomes[outcome];
    } catch (error) {
      // It can never be published, e.g. because of its key or the size of its headers.
      return (error as Error).message;
    }
  };

export const dropIt: Act = () => Promise.resolve(undefined);

export interface SettleOptions {
  readonly act: Act;
  /** Aborted: no other letter is started. */
  readonly signal: AbortSignal;
  /** Called for each letter that is done, before it is acked. */
  readonly onDone?: (id: string) => void;
}

/**
 * Applies `act` to each of the letters, and acks a letter when that has succeeded. A kill in between leaves the letter in the queue: a replay may be
 * repeated, and nothing is lost. If the connection fails, everything that was not acked stays where it was.
 */
export async function settle(queue: DeadQueue, ids: readonly string[], options: SettleOptions): Promise<Settled> {
  const wanted = new Map<string, number>();
  for (const id of ids) wanted.set(id, (wanted.get(id) ?? 0) + 1);
  const done: string[] = [];
  const refused: Refusal[] = [];
  const open = () => ids.length - done.length - refused.length;
  const report = (more: object) => ({ ...{ done, refused, gone: 0, left: 0 }, ...more });
  for (let before = open() + 1; open() > 0 && open() < before; ) {
    before = open();
    try {
      await round(queue, wanted, options, { done, refused });
    } catch (error) {
      return report({ left: open(), fault: (error as Error).message });
    }
    if (options.signal.aborted) return report({ left: open() });
  }
  return report({ gone: open() });
}

/** One pass through the queue. */
async function round(
  queue: DeadQueue,
  wanted: Map<string, number>,
  { act, signal, onDone }: SettleOptions,
  { done, refused }: { readonly done: string[]; readonly refused: Refusal[] },
): Promise<void> {
  let bytesInFlight = 0;
  let open = [...wanted.values()].reduce((sum, count) => sum + count, 0);
  const settleOne = async (delivery: Delivery, id: string): Promise<void> => {
    bytesInFlight += delivery.body.length;
    const why = await act(delivery);
    bytesInFlight -= delivery.body.length;
    if (why !== undefined) {
      refused.push({ id, why });
      return;
    }
    done.push(id);
    onDone?.(id);
    delivery.ack();
  };
  await queue.walk({
    atMost: lettersMost,
    signal,
    isDone: () => signal.aborted || open === 0,
    visit(delivery) {
      const id = idOf(delivery);
      const count = wanted.get(id) ?? 0;
      if (count === 0 || bytesInFlight > bytesInFlightMax) return undefined;
      wanted.set(id, count - 1);
      open--;
      return settleOne(delivery, id);
    },
  });
}
