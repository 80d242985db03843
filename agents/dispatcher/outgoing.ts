import type { BrokerSession } from "../lib/broker-session.ts";
import { againHeader, alternateHeader, doubtHeader, reasonHeader } from "../lib/dispatch-topics.ts";
import type { Log } from "../lib/log.ts";
import type { PublishOptions, PublishOutcome } from "../lib/publisher.ts";
import type { Delivery } from "../lib/subscription.ts";
import type { Effect } from "./events.ts";

type Of<T extends Effect["type"]> = Extract<Effect, { type: T }>;
type Headers = Readonly<Record<string, unknown>>;
type OnOutcome = (outcome: PublishOutcome) => void;

const contentType = "text/plain";

export interface OutgoingOptions {
  readonly session: BrokerSession;
  readonly exchange: string;
  /** The topic of this host's markers. */
  readonly markerTopic: string;
  readonly log: Log;
  /** A delivery that is in hand, for its headers. */
  deliveryOf(id: number): Delivery | undefined;
}

/** What the dispatcher publishes. Every outcome is told once, never before the call returns. */
export class Outgoing {
  readonly #options: OutgoingOptions;

  constructor(options: OutgoingOptions) {
    this.#options = options;
  }

  /** A first arrival, with its headers. The window counts from its timestamp, so that is never early: whole seconds, rounded up. */
  publish({ routingKey, delivery, firstAtMs, doubt }: Of<"publish">, onOutcome: OnOutcome): void {
    const own = this.#headersOf(delivery.id);
    const headers = doubt ? { ...own, [doubtHeader]: "1" } : own;
    this.#send(routingKey, delivery.body, headers, secondsOf(firstAtMs), onOutcome);
  }

  marker({ token }: Of<"marker">, onOutcome: OnOutcome): void {
    const { session, exchange, markerTopic } = this.#options;
    session.send(exchange, markerTopic, Buffer.from(token, "latin1"), { contentType }, onOutcome);
  }

  /** A twin from the disk: without the headers it came with, all that is needed is in its body. */
  twin({ routingKey, reason, firstAtMs }: Of<"serve">, body: Buffer, onOutcome: OnOutcome): void {
    this.#send(routingKey, body, { [alternateHeader]: reason }, secondsOf(firstAtMs), onOutcome);
  }

  /** A twin that is in hand; or the request itself, where none came. */
  deliveredTwin({ routingKey, delivery, reason, firstAtMs }: Of<"serve-delivery">, onOutcome: OnOutcome): void {
    const inHand = this.#options.deliveryOf(delivery.id);
    const { [reasonHeader]: _, ...own } = this.#headersOf(delivery.id) ?? {};
    // A puller passes the first arrival on with its request.
    const timestampSeconds = secondsOf(firstAtMs) ?? inHand?.timestampSeconds;
    this.#send(routingKey, delivery.body, { ...own, [alternateHeader]: reason }, timestampSeconds, onOutcome);
  }

  /** That it was announced again is between announcer and dispatcher. */
  #headersOf(id: number): Headers | undefined {
    const headers = this.#options.deliveryOf(id)?.headers;
    if (headers?.[againHeader] === undefined) return headers;
    const { [againHeader]: _, ...own } = headers;
    return own;
  }

  /** Without headers where amqplib can't send them on (over 64 kB): what is needed is in the body. */
  #send(
    routingKey: string,
    body: Buffer,
    headers: Headers | undefined,
    timestampSeconds: number | undefined,
    onOutcome: OnOutcome,
  ): void {
    const { session, exchange, log } = this.#options;
    const options: PublishOptions = {
      contentType,
      ...(headers === undefined ? {} : { headers }),
      ...(timestampSeconds === undefined ? {} : { timestampSeconds }),
    };
    try {
      session.send(exchange, routingKey, body, options, onOutcome);
    } catch (error) {
      if (headers === undefined) throw error;
      log.warn({ err: error, routingKey }, "headers of an announcement can't be sent on: left out");
      const left = Object.fromEntries(Object.entries(headers).filter(([name]) => ownHeaders.has(name)));
      session.send(exchange, routingKey, body, { ...options, headers: left }, onOutcome);
    }
  }
}

function secondsOf(firstAtMs: number | undefined): number | undefined {
  return firstAtMs === undefined ? undefined : Math.ceil(firstAtMs / 1000);
}

const ownHeaders: ReadonlySet<string> = new Set([doubtHeader, alternateHeader]);
