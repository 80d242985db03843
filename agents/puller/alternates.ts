import { setTimeout as delay } from "node:timers/promises";
import { orAborted } from "../lib/aborted.ts";
import { headerBytesMax } from "../lib/announcement.ts";
import { type Backoff, backoffMs } from "../lib/backoff.ts";
import type { BrokerSession } from "../lib/broker-session.ts";
import { cutToBytes } from "../lib/cut-to-bytes.ts";
import { joinTopic, topicTail } from "../lib/dispatch-topics.ts";
import { markHeaders } from "../lib/headers.ts";
import type { PublishOptions } from "../lib/publisher.ts";
import { bad, good, type Result } from "../lib/result.ts";
import type { Message } from "../lib/subscription.ts";
import type { Config } from "./config.ts";

/** Where an announcement comes from. */
export type Provenance =
  /** The dispatcher's first announcement of a product; `inDoubt` if it may have published one before. */
  | { readonly kind: "first"; readonly inDoubt: boolean }
  /** The twin that the dispatcher found when a puller asked, and why the puller asked. */
  | { readonly kind: "twin"; readonly winnerReason: string }
  /** Under a topic that is not the dispatcher's: nothing there expects receipts or has twins. */
  | { readonly kind: "foreign" };

/** An announcement with what is needed to answer it. `timestampSeconds`: when the product was first announced, according to the dispatcher. */
export type Addressed = Pick<Message, "body" | "routingKey" | "headers" | "marks" | "timestampSeconds">;

/**
 * Header of a message that RabbitMQ's shovel carried here from another broker. That broker may have delivered it before, and its
 * redelivered flag is not carried along.
 */
const shovelledHeader = "x-shovelled";

type Topics = Pick<Config, "notifyTopic" | "twinTopic" | "alternateTopic">;

/** A mark counts only under its own topic, so one forged elsewhere has no effect. */
export function provenanceOf({ routingKey, headers, marks }: Addressed, topics: Topics): Provenance {
  if (topicTail(topics.twinTopic, routingKey) !== undefined) {
    return { kind: "twin", winnerReason: marks.alternate ?? "no reason given" };
  }
  if (topicTail(topics.notifyTopic, routingKey) === undefined) return { kind: "foreign" };
  return { kind: "first", inDoubt: marks.doubt === true || headers[shovelledHeader] !== undefined };
}

/** A message that asks for an announcement's twin. */
export interface AlternateRequest {
  readonly routingKey: string;
  readonly options: PublishOptions & { readonly headers: Readonly<Record<string, unknown>> };
}

/**
 * The body is unchanged: its key lets the dispatcher find the twin, and its URL tells which announcement failed. The timestamp
 * tells which product of that name is meant. If the topic would be too long, its tail is omitted: the tail is only informative.
 */
export function requestFor(announced: Addressed, reason: string, topics: Topics): AlternateRequest {
  const { routingKey, headers, marks, timestampSeconds } = announced;
  const { notifyTopic, alternateTopic } = topics;
  return {
    routingKey: joinTopic(alternateTopic, topicTail(notifyTopic, routingKey) ?? "") ?? alternateTopic,
    options: {
      headers: { ...headers, ...markHeaders({ reason, closedMs: marks.closedMs }) },
      contentType: "text/plain",
      ...(timestampSeconds === undefined ? {} : { timestampSeconds }),
    },
  };
}

/** What failed, and the reporter, cut to fit a header: older peers write header values as short strings. */
export function formatReason(what: string, who: string): string {
  const by = ` [${cutToBytes(who, headerBytesMax / 3)}]`;
  return cutToBytes(what, headerBytesMax - Buffer.byteLength(by)) + by;
}

export interface AlternatesOptions {
  readonly session: Pick<BrokerSession, "publish" | "ready">;
  readonly exchange: string;
  readonly topics: Topics;
  /** This puller's name in the reason: `puller@host`. */
  readonly who: string;
  readonly retry?: Backoff;
}

const retryDefault: Backoff = { minMs: 100, maxMs: 5000 };

/** Requests the other announcement of a product from the dispatcher. */
export class Alternates {
  readonly #options: AlternatesOptions;

  constructor(options: AlternatesOptions) {
    this.#options = options;
  }

  /**
   * Ok once the broker has confirmed the request: then the announcement may be acked. A refused or lost request is sent again
   * until `signal` aborts (the announcement is no longer ours, or the agent stops); then this rejects with the signal's reason.
   * Fails if no queue accepts the request: no dispatcher that serves requests has ever run here.
   */
  async ask(announced: Addressed, what: string, signal: AbortSignal): Promise<Result<void>> {
    const { session, exchange, topics, who, retry = retryDefault } = this.#options;
    const request = requestFor(announced, formatReason(what, who), topics);
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      await session.ready(signal);
      const publishing = session.publish(exchange, request.routingKey, announced.body, request.options);
      // A confirm may take long, for example during a broker alarm. An aborted caller does not wait for it.
      const outcome = await orAborted(publishing, signal);
      if (outcome === undefined) throw signal.reason;
      if (outcome === "confirmed") return good(undefined);
      if (outcome === "returned") return bad(`no queue accepts requests under ${request.routingKey}`);
      await delay(backoffMs(retry, attempt), undefined, { signal });
    }
  }
}
