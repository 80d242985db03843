import { setTimeout as sleep } from "node:timers/promises";
import { backoffMs } from "./backoff.ts";
import type { BrokerSession } from "./broker-session.ts";
import { type DeadLetterOptions, deadLetter } from "./dead-letter.ts";
import type { Delivery, Message } from "./subscription.ts";

/** What happens to a message: ack, requeue, or dead-letter it for a person to inspect. */
export type Disposition = "ack" | "requeue" | { readonly deadLetter: string };

export interface ConsumerOptions extends Pick<DeadLetterOptions, "session" | "log" | "agent" | "queue"> {
  readonly prefetch: number;
  /** Publishes dead letters, if that must not be done over the consuming connection. */
  readonly deadLetterSession?: BrokerSession;
  /** Returns what happens to a message. It can't settle the message itself, so each message is settled exactly once. */
  readonly handle: (message: Message) => Disposition | Promise<Disposition>;
}

export interface Consumer {
  /** Messages being handled. */
  readonly inFlight: number;
  /** Stops consuming; resolves once every unacked message is settled. */
  cancel(): Promise<void>;
}

/**
 * A handler knows external faults and waits for them to end. If it throws, it can't process the message, or the fault is
 * unforeseen. After this many attempts the message is dead-lettered, so that those behind it are handled.
 */
const triesMax = 3;
const triesBackoff = { minMs: 500, maxMs: 2000 };

/**
 * Consumes a queue and settles each message as its handler decides, within a limited number of attempts. No message's content
 * ends the process or stops the queue.
 */
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
      // It is redelivered, to another consumer or to the next process.
      if (signal.aborted) return "requeue";
      log.error({ err: error, attempt, routingKey: delivery.routingKey }, "handling a message failed");
      if (attempt === triesMax) return { deadLetter: `handling it failed ${triesMax} times: ${textOf(error)}` };
      await sleep(backoffMs(triesBackoff, attempt), undefined, { signal }).catch(() => {});
      if (signal.aborted) return "requeue";
    }
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : "a value that is not an Error was thrown";
}
