import { setTimeout as delay } from "node:timers/promises";
import { nothingToFetch } from "../lib/announcement.ts";
import { backoffMs } from "../lib/backoff.ts";
import type { BrokerSession } from "../lib/broker-session.ts";
import type { Disposition } from "../lib/consumer.ts";
import { markHeaders } from "../lib/headers.ts";
import type { PublishOutcome } from "../lib/publisher.ts";
import type { Delivery } from "../lib/subscription.ts";
import type { Config } from "./config.ts";
import { type OutgoingMessage, translate } from "./translate.ts";

/** For the log and the metrics. */
export interface BridgeEvents {
  bridged(routingKey: string, messages: number): void;
  /** It is valid but announces no product. */
  passedOver(routingKey: string): void;
  /** Confirmed, but it reached no queue. */
  unclaimed(routingKey: string): void;
  /** One message was not confirmed and will be sent again. */
  failed(routingKey: string, outcome: PublishOutcome): void;
}

export interface BridgePorts {
  readonly session: Pick<BrokerSession, "ready" | "publish">;
  readonly events: BridgeEvents;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

type BridgeConfig = Pick<Config, "from" | "to" | "requireQueue">;

const retryBackoff = { minMs: 100, maxMs: 5000 };

/** Republishes each announcement in other formats. */
export class Bridge {
  readonly #config: BridgeConfig;
  readonly #ports: BridgePorts;
  readonly #stopping = new AbortController();

  constructor(config: BridgeConfig, ports: BridgePorts) {
    this.#config = config;
    this.#ports = ports;
  }

  /** Requeues announcements whose messages the broker has not confirmed. */
  stop(): void {
    this.#stopping.abort();
  }

  /**
   * Acked: the broker confirmed all its messages, or it announces no product. Requeued: the agent is stopping, or the connection it came
   * by is lost. Dead-lettered: one of the formats can't express it. Messages of a redelivered announcement are marked
   * (`x-warren-again`), since some may have been published before.
   */
  async handle(
    delivery: Pick<Delivery, "routingKey" | "body" | "headers" | "redelivered" | "signal">,
  ): Promise<Disposition> {
    const { routingKey, redelivered } = delivery;
    const translated = translate(delivery, this.#config, this.#ports.nowMs());
    if (!translated.ok && translated.reason === nothingToFetch) {
      this.#ports.events.passedOver(routingKey);
      return "ack";
    }
    if (!translated.ok) return { deadLetter: translated.reason };
    const signal = AbortSignal.any([this.#stopping.signal, delivery.signal]);
    const mark = redelivered ? markHeaders({ again: true }) : {};
    const outcomes = await Promise.all(translated.value.map((message) => this.#publish(message, mark, signal)));
    if (outcomes.includes("given up")) return "requeue";
    this.#ports.events.bridged(routingKey, translated.value.length);
    return "ack";
  }

  /** Retries until the broker confirms it, or `signal` aborts. */
  async #publish(
    { exchange, routingKey, body, headers, contentType }: OutgoingMessage,
    mark: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<"done" | "given up"> {
    const { session, events } = this.#ports;
    let again = mark;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await session.ready(signal);
      } catch (error) {
        if (signal.aborted) return "given up";
        throw error;
      }
      const outcome = await session.publish(exchange, routingKey, body, {
        headers: { ...headers, ...again },
        contentType,
      });
      if (outcome === "confirmed") return "done";
      if (outcome === "returned" && !this.#config.requireQueue) {
        events.unclaimed(routingKey);
        return "done";
      }
      events.failed(routingKey, outcome);
      // The broker may or may not have it.
      if (outcome === "lost") again = markHeaders({ again: true });
      const isOver = await delay(backoffMs(retryBackoff, attempt), false, { signal }).catch(() => true);
      if (isOver) return "given up";
    }
  }
}
