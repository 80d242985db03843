import type { BrokerSession } from "../lib/broker-session.ts";
import { type Headers, type Marks, markHeaders } from "../lib/headers.ts";
import type { PublishOptions, PublishOutcome } from "../lib/publisher.ts";
import type { Effect } from "./events.ts";

type Of<T extends Effect["type"]> = Extract<Effect, { type: T }>;
type OnOutcome = (outcome: PublishOutcome) => void;

const contentType = "text/plain";

export interface OutgoingOptions {
  readonly session: BrokerSession;
  readonly exchange: string;
  /** The topic of this host's markers. */
  readonly markerTopic: string;
}

/** What the dispatcher publishes. Every outcome is told once, never before the call returns. */
export class Outgoing {
  readonly #options: OutgoingOptions;

  constructor(options: OutgoingOptions) {
    this.#options = options;
  }

  /** A first arrival, with its headers. The window counts from its timestamp, so that is never early: whole seconds, rounded up. */
  publish({ routingKey, delivery, firstAtMs, doubt }: Of<"publish">, onOutcome: OnOutcome): void {
    const headers = doubt ? marked(delivery.headers, { doubt: true }) : delivery.headers;
    this.#send(routingKey, delivery.body, headers, secondsOf(firstAtMs), onOutcome);
  }

  marker({ token }: Of<"marker">, onOutcome: OnOutcome): void {
    const { session, exchange, markerTopic } = this.#options;
    session.send(exchange, markerTopic, Buffer.from(token, "latin1"), { contentType }, onOutcome);
  }

  /** A twin from the disk: without the headers it came with, all that is needed is in its body. */
  twin({ routingKey, reason, firstAtMs }: Of<"serve">, body: Buffer, onOutcome: OnOutcome): void {
    this.#send(routingKey, body, marked(undefined, { alternate: reason }), secondsOf(firstAtMs), onOutcome);
  }

  /** A twin that is in hand; or the request itself, where none came. */
  deliveredTwin({ routingKey, delivery, reason, firstAtMs }: Of<"serve-delivery">, onOutcome: OnOutcome): void {
    // A puller passes the first arrival on with its request.
    const timestampSeconds = secondsOf(firstAtMs) ?? delivery.timestampSeconds;
    const headers = marked(delivery.headers, { alternate: reason });
    this.#send(routingKey, delivery.body, headers, timestampSeconds, onOutcome);
  }

  #send(
    routingKey: string,
    body: Buffer,
    headers: Headers | undefined,
    timestampSeconds: number | undefined,
    onOutcome: OnOutcome,
  ): void {
    const { session, exchange } = this.#options;
    const options: PublishOptions = {
      contentType,
      ...(headers === undefined ? {} : { headers }),
      ...(timestampSeconds === undefined ? {} : { timestampSeconds }),
    };
    session.send(exchange, routingKey, body, options, onOutcome);
  }
}

function marked(headers: Headers | undefined, marks: Marks): Headers {
  return { ...headers, ...markHeaders(marks) };
}

function secondsOf(firstAtMs: number | undefined): number | undefined {
  return firstAtMs === undefined ? undefined : Math.ceil(firstAtMs / 1000);
}
