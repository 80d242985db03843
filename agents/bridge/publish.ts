import { setTimeout as delay } from "node:timers/promises";
import { backoffMs } from "../lib/backoff.ts";
import type { BrokerSession } from "../lib/broker-session.ts";
import { markHeaders } from "../lib/headers.ts";
import type { PublishOutcome } from "../lib/publisher.ts";
import type { OutgoingMessage } from "./translate.ts";

export interface PublishPorts {
  readonly session: Pick<BrokerSession, "ready" | "publish">;
  readonly signal: AbortSignal;
  /** Whether to retry until some queue accepts it. */
  readonly requireQueue: boolean;
  /** It was not confirmed and will be sent again. */
  failed(routingKey: string, outcome: PublishOutcome): void;
}

const retryBackoff = { minMs: 100, maxMs: 5000 };

/** Retries until the broker confirms it, or `signal` aborts. `mark`: it may have been published before. */
export async function publishConfirmed(
  { exchange, routingKey, body, headers, contentType }: OutgoingMessage,
  { session, signal, requireQueue, failed }: PublishPorts,
  mark = false,
): Promise<"done" | "unclaimed" | "given up"> {
  let again = mark;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await session.ready(signal);
    } catch (error) {
      if (signal.aborted) return "given up";
      throw error;
    }
    const outcome = await session.publish(exchange, routingKey, body, {
      headers: { ...headers, ...(again ? markHeaders({ again }) : {}) },
      contentType,
    });
    if (outcome === "confirmed") return "done";
    if (outcome === "returned" && !requireQueue) return "unclaimed";
    failed(routingKey, outcome);
    // The broker may or may not have it.
    if (outcome === "lost") again = true;
    const isOver = await delay(backoffMs(retryBackoff, attempt), false, { signal }).catch(() => true);
    if (isOver) return "given up";
  }
}
