import { setTimeout as sleep } from "node:timers/promises";
import { backoffMs } from "./backoff.ts";
import type { BrokerSession } from "./broker-session.ts";
import type { Log } from "./log.ts";
import type { PublishOutcome } from "./publisher.ts";
import type { Delivery } from "./subscription.ts";
import { routingKeyBytesMax } from "./topics.ts";
import { deadLetterExchange } from "./topology.ts";

/** What becomes of a message: done, again later, or aside for a person to look at. */
export type Disposition = "ack" | "requeue" | { readonly deadLetter: string };

export interface ConsumerOptions {
  readonly session: BrokerSession;
  readonly queue: string;
  readonly prefetch: number;
  readonly log: Log;
  /** Named in the headers of dead letters. */
  readonly agent: string;
  /** Publishes dead letters, where that is not to be done over the connection that consumes. */
  readonly deadLetterSession?: BrokerSession;
  handle(delivery: Delivery): Disposition | Promise<Disposition>;
}

export interface Consumer {
  /** Messages being handled. */
  readonly inFlight: number;
  /** Stops taking; resolves when everything in hand is settled. */
  cancel(): Promise<void>;
}

/** Pause before a message whose handler failed is given back, so that a fault of the world is no busy loop. */
const failedPauseMs = 1000;
const deadLetterBackoff = { minMs: 100, maxMs: 5000 };

/** Takes messages from a queue and settles each as its handler says. A handler that throws has its message requeued, later. */
export function consume(options: ConsumerOptions): Consumer {
  const { session, queue, prefetch } = options;
  const working = new Set<Promise<void>>();
  const subscription = session.subscribe({
    queue,
    prefetch,
    onDelivery(delivery) {
      const work = settle(options, delivery).finally(() => working.delete(work));
      working.add(work);
    },
  });
  return {
    get inFlight() {
      return working.size;
    },
    async cancel() {
      await session.unsubscribe(subscription);
      await Promise.all(working);
    },
  };
}

async function settle(options: ConsumerOptions, delivery: Delivery): Promise<void> {
  let disposition: Disposition;
  try {
    disposition = await options.handle(delivery);
  } catch (error) {
    // The message is not to blame as far as anyone knows: it stays in the queue and is tried again.
    options.log.error({ err: error, routingKey: delivery.routingKey }, "handling a message failed; it is tried again");
    await sleep(failedPauseMs, undefined, { signal: delivery.signal }).catch(() => {});
    disposition = "requeue";
  }
  if (disposition === "ack") delivery.ack();
  else if (disposition === "requeue") delivery.requeue();
  else {
    const session = options.deadLetterSession ?? options.session;
    await deadLetter({ ...options, session, delivery, reason: disposition.deadLetter });
  }
}

export interface DeadLetterOptions extends Pick<ConsumerOptions, "session" | "log" | "agent" | "queue"> {
  readonly delivery: Delivery;
  readonly reason: string;
}

/**
 * Puts a message aside: published to the dead-letter exchange under its own routing key, the reason in a header, and only
 * when that is confirmed acked. Until then it is tried again, for as long as the message is ours.
 */
export async function deadLetter({ session, log, agent, queue, delivery, reason }: DeadLetterOptions): Promise<void> {
  const why = {
    "x-dead-reason": reason,
    "x-dead-agent": agent,
    "x-dead-queue": queue,
    "x-dead-exchange": delivery.exchange,
  };
  for (let attempt = 1; !delivery.signal.aborted; attempt++) {
    const outcome = await publishDead(session, delivery, why);
    if (outcome === "confirmed") {
      log.warn(
        { reason, routingKey: delivery.routingKey, body: excerpt(delivery.body) },
        "message put aside as a dead letter",
      );
      delivery.ack();
      return;
    }
    log.error(
      { outcome, attempt, reason },
      `dead letter was not taken by exchange ${deadLetterExchange}; trying again`,
    );
    await sleep(backoffMs(deadLetterBackoff, attempt), undefined, { signal: delivery.signal }).catch(() => {});
  }
}

/**
 * Peers may send what amqplib can't: headers over its 64 kB, a key that is no UTF-8 and grows when it is read as such. Such
 * a message must not come back for ever: it is put aside without its own headers, under as much of its key as fits.
 */
async function publishDead(
  session: BrokerSession,
  { routingKey, body, headers }: Delivery,
  why: Readonly<Record<string, string>>,
): Promise<PublishOutcome> {
  const key = shortenKey(routingKey);
  try {
    return await session.publish(deadLetterExchange, key, body, { headers: { ...headers, ...why } });
  } catch (error) {
    const left = { ...why, "x-dead-headers": `left out: ${(error as Error).message}` };
    return session.publish(deadLetterExchange, key, body, { headers: left });
  }
}

/** A cut may fall into a character, which is then read as one of three bytes. */
const cutCharacterBytes = 3;

function shortenKey(key: string): string {
  if (Buffer.byteLength(key) <= routingKeyBytesMax) return key;
  return Buffer.from(key)
    .subarray(0, routingKeyBytesMax - cutCharacterBytes)
    .toString();
}

function excerpt(body: Buffer): string {
  return body.subarray(0, 200).toString("utf8");
}
