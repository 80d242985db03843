import type { Delivery } from "../../../agents/lib/subscription.ts";
import { type DeadQueue, lettersMost, type Walked } from "./dead-queue.ts";
import { idOf, type Letter, letterOf, originOf, ownHeaders } from "./letter.ts";
import { isMeant, type Selection } from "./select.ts";
import type { SturdyOutcome } from "./sturdy-publisher.ts";

/** Bodies that may wait for their confirm; what comes beyond them stays in the queue for the next round. */
const bytesInHandMax = 64 << 20;

export interface Survey extends Walked {
  readonly broker: string;
  /** Those that are meant. */
  readonly letters: readonly Letter[];
}

/** Looks at a queue from its head, and leaves all where it is. */
export async function survey(queue: DeadQueue, selection: Selection, atMost: number): Promise<Survey> {
  const letters: Letter[] = [];
  const walked = await queue.walk({
    atMost,
    visit(delivery) {
      const letter = letterOf(delivery, queue);
      if (isMeant(selection, letter, delivery)) letters.push(letter);
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
  /** Ids of those that have left the queue. */
  readonly done: readonly string[];
  readonly refused: readonly Refusal[];
  /** Planned, and not seen again: somebody else has taken them, or has them in hand. */
  readonly gone: number;
  /** Not begun, as it was to end. */
  readonly left: number;
  /** Why it ended before all was done. */
  readonly fault?: string;
}

/** What is done with one. @returns why it stays in the queue; undefined where it may leave it */
export type Act = (delivery: Delivery) => Promise<string | undefined>;

/** Letters that can't be replayed, before anything is done. */
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

const outcomes: Readonly<Record<Exclude<SturdyOutcome & string, "confirmed">, string>> = {
  returned: "no queue takes it there",
  nacked: "the broker could not take it",
  lost: "the connection ended before the broker confirmed it",
};

/** Publishes it as it was before it was dead-lettered: to its exchange, under its key, with its own headers. */
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
      // It can never be sent, e.g. for its key or the size of its headers.
      return (error as Error).message;
    }
  };

/** It is only taken away. */
export const dropIt: Act = () => Promise.resolve(undefined);

export interface SettleOptions {
  readonly act: Act;
  /** Begins no other one. */
  readonly signal: AbortSignal;
  /** Told of each one that is done, before it leaves the queue. */
  readonly onDone?: (id: string) => void;
}

/**
 * Does something with each of some letters, and acks it once that is safe. A kill in between leaves the letter in the queue: a replay may be repeated,
 * and nothing is lost. A connection that ends leaves all that was not acked where it was.
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

/** Once through the queue. */
async function round(
  queue: DeadQueue,
  wanted: Map<string, number>,
  { act, signal, onDone }: SettleOptions,
  { done, refused }: { readonly done: string[]; readonly refused: Refusal[] },
): Promise<void> {
  let bytesInHand = 0;
  let open = [...wanted.values()].reduce((sum, count) => sum + count, 0);
  const settleOne = async (delivery: Delivery, id: string): Promise<void> => {
    bytesInHand += delivery.body.length;
    const why = await act(delivery);
    bytesInHand -= delivery.body.length;
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
      if (count === 0 || bytesInHand > bytesInHandMax) return undefined;
      wanted.set(id, count - 1);
      open--;
      return settleOne(delivery, id);
    },
  });
}
