import { setTimeout as sleep } from "node:timers/promises";
import { backoffMs } from "./backoff.ts";
import type { BrokerSession } from "./broker-session.ts";
import { cutToBytes } from "./cut-to-bytes.ts";
import { type Headers, headersBytesMax, markHeaders, readHeaders } from "./headers.ts";
import type { Log } from "./log.ts";
import { logEvents } from "./log-events.ts";
import type { PublishOptions } from "./publisher.ts";
import type { Delivery } from "./subscription.ts";
import { routingKeyBytesMax } from "./topics.ts";
import { deadLetterExchange } from "./topology.ts";

export interface DeadLetterOptions {
  readonly session: BrokerSession;
  readonly log: Log;
  /** Named in the dead letter's headers, with the queue. */
  readonly agent: string;
  readonly queue: string;
  readonly delivery: Delivery;
  readonly reason: string;
}

/** Prefix of the headers that a dead letter has in addition to its own. */
export const deadHeaderPrefix = "x-dead-";
/** Longer reasons repeat what is in the message. */
const deadReasonBytesMax = 1024;
const droppedBytesMax = 512;
/** More than these additional headers need, each at its limit. */
const deadHeadersBytesMax = 6144;
const backoff = { minMs: 100, maxMs: 5000 };
const excerptBytes = 200;

/**
 * Dead-letters a message. It is published to the dead-letter exchange under its own routing key, with its own headers, time and content type, and
 * acked once that is confirmed. `x-dead-reason` has the reason (cut to 1,024 bytes); `x-dead-agent`, `x-dead-queue` and `x-dead-exchange` have its
 * origin; `x-dead-time` has the time (ISO 8601). `x-dead-key` is present if the routing key had to be shortened; `x-dead-headers` names headers that
 * could not be sent on. If the broker does not accept it, it is published again for as long as the message is ours. Never rejects.
 */
export async function deadLetter(options: DeadLetterOptions): Promise<void> {
  const { session, log, delivery } = options;
  const reason = cutToBytes(options.reason, deadReasonBytesMax);
  const { routingKey, properties } = deadLetterOf({ ...options, reason });
  for (let attempt = 1; !delivery.signal.aborted; attempt++) {
    const outcome = await session
      .publish(deadLetterExchange, routingKey, delivery.body, properties)
      .catch((error: Error) => error.message);
    if (outcome === "confirmed") {
      const body = delivery.body.subarray(0, excerptBytes).toString();
      log.warn({ event: logEvents.deadLetter, reason, routingKey: delivery.routingKey, body }, "message dead-lettered");
      delivery.ack();
      return;
    }
    log.error(
      { outcome, attempt, reason },
      `exchange ${deadLetterExchange} did not accept a dead letter; trying again`,
    );
    await sleep(backoffMs(backoff, attempt), undefined, { signal: delivery.signal }).catch(() => {});
  }
}

/** The parts together fit into a message, whatever this one contains, so that a reader of the dead letter gets all of it. */
function deadLetterOf({ agent, queue, delivery, reason }: DeadLetterOptions): {
  routingKey: string;
  properties: PublishOptions;
} {
  const { exchange, marks, timestampSeconds, contentType } = delivery;
  const entries = Object.entries(delivery.headers).filter(([name]) => !name.startsWith(deadHeaderPrefix));
  const own = readHeaders(Object.fromEntries(entries), headersBytesMax - deadHeadersBytesMax);
  const dropped = [...delivery.droppedHeaders, ...own.dropped].join(", ");
  const routingKey = shortenKey(delivery.routingKey);
  const why: Headers = {
    ...own.headers,
    ...markHeaders(marks),
    "x-dead-reason": reason,
    "x-dead-agent": agent,
    "x-dead-queue": queue,
    "x-dead-exchange": exchange,
    "x-dead-time": new Date().toISOString(),
    ...(routingKey === delivery.routingKey ? {} : { "x-dead-key": delivery.routingKey }),
    ...(dropped === "" ? {} : { "x-dead-headers": cutToBytes(`left out: ${dropped}`, droppedBytesMax) }),
  };
  return {
    routingKey,
    properties: {
      headers: why,
      ...(timestampSeconds === undefined ? {} : { timestampSeconds }),
      ...(contentType === undefined ? {} : { contentType }),
    },
  };
}

/** A cut may fall within a character, which is then read as one of three bytes. */
const cutCharacterBytes = 3;

/** A byte that is not valid UTF-8 is read as a character of three bytes, so a key of 255 bytes may be read as one of 765. */
function shortenKey(key: string): string {
  if (Buffer.byteLength(key) <= routingKeyBytesMax) return key;
  return Buffer.from(key)
    .subarray(0, routingKeyBytesMax - cutCharacterBytes)
    .toString();
}
