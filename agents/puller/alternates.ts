import { setTimeout as delay } from "node:timers/promises";
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

/** Whose announcement this is. */
export type Provenance =
  /** The dispatcher's first of a product; `inDoubt` where it may have sent one before. */
  | { readonly kind: "first"; readonly inDoubt: boolean }
  /** What the dispatcher found when a puller asked, and why it did. */
  | { readonly kind: "twin"; readonly winnerReason: string }
  /** Under a topic that is not the dispatcher's: nobody there waits for receipts, or has twins. */
  | { readonly kind: "foreign" };

/** An announcement with what is needed to answer it. `timestampSeconds`: when the product was announced first, as the dispatcher says. */
export type Addressed = Pick<Message, "body" | "routingKey" | "headers" | "marks" | "timestampSeconds">;

/**
 * Of a message that RabbitMQ's shovel has carried here from another broker. It may have been given out there before, and the broker's mark of that doesn't
 * come along.
 */
const shovelledHeader = "x-shovelled";

type Topics = Pick<Config, "notifyTopic" | "twinTopic" | "alternateTopic">;

/** A mark counts under the topic of its own alone: whoever forges one elsewhere says nothing. */
export function provenanceOf({ routingKey, headers, marks }: Addressed, topics: Topics): Provenance {
  if (topicTail(topics.twinTopic, routingKey) !== undefined) {
    return { kind: "twin", winnerReason: marks.alternate ?? "no reason was given" };
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
 * The body stays as it is: by its key the dispatcher finds the twin, and by its URL it knows which one failed; the time says
 * which product of that name is meant. Where the topic would be too long, it goes without its tail, which only people read.
 */
export function requestFor(announced: Addressed, reason: string, topics: Topics): AlternateRequest {
  const { routingKey, headers, timestampSeconds } = announced;
  const { notifyTopic, alternateTopic } = topics;
  return {
    routingKey: joinTopic(alternateTopic, topicTail(notifyTopic, routingKey) ?? "") ?? alternateTopic,
    options: {
      headers: { ...headers, ...markHeaders({ reason }) },
      contentType: "text/plain",
      ...(timestampSeconds === undefined ? {} : { timestampSeconds }),
    },
  };
}

/** What failed, and who says so, in what fits a header: older peers write header values as short strings. */
export function formatReason(what: string, who: string): string {
  const by = ` [${cutToBytes(who, headerBytesMax / 3)}]`;
  return cutToBytes(what, headerBytesMax - Buffer.byteLength(by)) + by;
}

export interface AlternatesOptions {
  readonly session: Pick<BrokerSession, "publish" | "ready">;
  readonly exchange: string;
  readonly topics: Topics;
  /** This puller, for the reason: `puller@host`. */
  readonly who: string;
  readonly retry?: Backoff;
}

const retryDefault: Backoff = { minMs: 100, maxMs: 5000 };

/** Asks the dispatcher for the other announcement of a product. */
export class Alternates {
  readonly #options: AlternatesOptions;

  constructor(options: AlternatesOptions) {
    this.#options = options;
  }

  /**
   * Good when the broker has the request for certain: then the announcement may be acked. Refused or lost it is sent again,
   * until `signal` aborts (the announcement is ours no more, or the agent stops), and rejects then with its reason. Bad where
   * no queue takes it: no dispatcher that serves requests has ever been here.
   */
  async ask(announced: Addressed, what: string, signal: AbortSignal): Promise<Result<void>> {
    const { session, exchange, topics, who, retry = retryDefault } = this.#options;
    const request = requestFor(announced, formatReason(what, who), topics);
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      await session.ready(signal);
      const publishing = session.publish(exchange, request.routingKey, announced.body, request.options);
      const outcome = await unlessAborted(signal, publishing);
      if (outcome === "confirmed") return good(undefined);
      if (outcome === "returned") return bad(`no queue takes requests under ${request.routingKey}`);
      await delay(backoffMs(retry, attempt), undefined, { signal });
    }
  }
}

/** A confirm may be long in coming, as while the broker is in alarm: nobody waits for it who has to go. */
function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  return Promise.race([work, aborted.promise]).finally(() => signal.removeEventListener("abort", onAbort));
}
