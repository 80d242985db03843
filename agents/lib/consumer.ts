import { setTimeout as sleep } from "node:timers/promises";
import { backoffMs } from "./backoff.ts";
import type { BrokerSession } from "./broker-session.ts";
import { type DeadLetterOptions, deadLetter } from "./dead-letter.ts";
import type { Delivery, Message } from "./subscription.ts";

/** What becomes of a message: done, again later, or a dead letter for a person to look at. */
export type Disposition = "ack" | "requeue" | { readonly deadLetter: string };

export interface ConsumerOptions extends Pick<DeadLetterOptions, "session" | "log" | "agent" | "queue"> {
  readonly prefetch: number;
  /** Publishes dead letters, where that is not to be done over the connection that consumes. */
  readonly deadLetterSession?: BrokerSession;
  /** Says what becomes of a message, and can't settle it by itself: whatever it does, the message is settled once. */
  readonly handle: (message: Message) => Disposition | Promise<Disposition>;
}

export interface Consumer {
  /** Messages being handled. */
  readonly inFlight: number;
  /** Stops taking; resolves when everything in hand is settled. */
  cancel(): Promise<void>;
}

/**
 * A handler knows faults of the world and waits for them. One that throws has met a message that it can't deal with, or a fault that nobody
 * thought of: after so many tries the message is a dead letter, and whatever is behind it is handled.
 */
const triesMax = 3;
const triesBackoff = { minMs: 500, maxMs: 2000 };

/** Takes messages from a queue and settles each as its handler says, within bounded tries: nothing a message holds ends the process or stops the queue. */
export function consume(options: ConsumerOptions): Consumer {
  const { session, queue, prefetch } = options;
  const working = new Set<Promise<void>>();
  const stopping = new AbortController();
  const subscription = session.subscribe({
    queue,
    prefetch,
    onDelivery(delivery) {
      const work = settle(options, delivery, stopping.signal).finally(() => working.delete(work));
      working.add(work);
    },
  });
  return {
    get inFlight() {
      return working.size;
    },
    async cancel() {
      stopping.abort();
      await session.unsubscribe(subscription);
      await Promise.all(working);
    },
  };
}

/** Never rejects. */
async function settle(options: ConsumerOptions, delivery: Delivery, stopping: AbortSignal): Promise<void> {
  const disposition = await dispositionOf(options, delivery, stopping);
  if (disposition === "ack") delivery.ack();
  else if (disposition === "requeue") delivery.requeue();
  else {
    const { log, agent, queue, deadLetterSession: session = options.session } = options;
    await deadLetter({ session, log, agent, queue, delivery, reason: disposition.deadLetter });
  }
}

async function dispositionOf(
  { handle, log }: ConsumerOptions,
  delivery: Delivery,
  stopping: AbortSignal,
): Promise<Disposition> {
  const signal = AbortSignal.any([delivery.signal, stopping]);
  for (let attempt = 1; ; attempt++) {
    try {
      return await handle(delivery);
    } catch (error) {
      // It comes again: to another one, or to the process after this one.
      if (signal.aborted) return "requeue";
      log.error({ err: error, attempt, routingKey: delivery.routingKey }, "handling a message failed");
      if (attempt === triesMax) return { deadLetter: `handling it failed ${triesMax} times: ${textOf(error)}` };
      await sleep(backoffMs(triesBackoff, attempt), undefined, { signal }).catch(() => {});
      if (signal.aborted) return "requeue";
    }
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : "something that is no error was thrown";
}
