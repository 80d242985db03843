import { type Announcement, nothingToFetch } from "../lib/announcement.ts";
import type { BrokerSession } from "../lib/broker-session.ts";
import type { Disposition } from "../lib/consumer.ts";
import type { PublishOutcome } from "../lib/publisher.ts";
import type { Delivery } from "../lib/subscription.ts";
import type { Config } from "./config.ts";
import type { Intake } from "./intake.ts";
import { publishConfirmed } from "./publish.ts";
import { readAnnouncement, translate } from "./translate.ts";

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
  /** Fetches products first; undefined to announce them where they are. */
  readonly intake?: Pick<Intake, "once">;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

type BridgeConfig = Pick<Config, "from" | "to" | "requireQueue">;

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
    const { events, intake, nowMs } = this.#ports;
    const read = readAnnouncement(delivery, this.#config, nowMs());
    if (!read.ok && read.reason === nothingToFetch) {
      events.passedOver(delivery.routingKey);
      return "ack";
    }
    if (!read.ok) return { deadLetter: read.reason };
    const signal = AbortSignal.any([this.#stopping.signal, delivery.signal]);
    const handOn = (announcement: Announcement) => this.#handOn(announcement, delivery, signal);
    if (!intake) return handOn(read.value);
    const [centre = ""] = delivery.routingKey.slice(this.#config.from.topicPrefix.length + 1).split(".");
    return intake.once({ announcement: read.value, centre }, signal, handOn);
  }

  async #handOn(
    announcement: Announcement,
    { routingKey, redelivered }: Pick<Delivery, "routingKey" | "redelivered">,
    signal: AbortSignal,
  ): Promise<Disposition> {
    const { session, events } = this.#ports;
    const translated = translate(announcement, routingKey, this.#config);
    if (!translated.ok) return { deadLetter: translated.reason };
    const ports = { session, signal, requireQueue: this.#config.requireQueue, failed: events.failed };
    const outcomes = await Promise.all(
      translated.value.map(async (message) => {
        const outcome = await publishConfirmed(message, ports, redelivered);
        if (outcome === "unclaimed") events.unclaimed(message.routingKey);
        return outcome;
      }),
    );
    if (outcomes.includes("given up")) return "requeue";
    events.bridged(routingKey, translated.value.length);
    return "ack";
  }
}
