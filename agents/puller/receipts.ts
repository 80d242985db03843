import { setTimeout as delay } from "node:timers/promises";
import type { BrokerSession } from "../lib/broker-session.ts";
import { type Marks, markHeaders } from "../lib/headers.ts";

/** `lost`, `nacked`: it is sent again. `dropped`: the dispatchers never get it. */
export type ReceiptOutcome = "confirmed" | "returned" | "nacked" | "lost" | "dropped";

export interface ReceiptsOptions {
  readonly session: Pick<BrokerSession, "publish" | "state" | "isWritable" | "on">;
  readonly exchange: string;
  readonly topic: string;
  /** Receipts kept while the broker accepts none; beyond this the oldest is dropped. */
  readonly waitingMax?: number;
  readonly retryMs?: number;
  /** This puller's host. */
  readonly host: string;
  readonly nowMs?: () => number;
  readonly onOutcome: (outcome: ReceiptOutcome) => void;
}

/** What a receipt is about. */
export interface Receipt {
  readonly key: string;
  /** Of the pulled announcement: the product's first arrival, in whole seconds since 1970. */
  readonly timestampSeconds: number | undefined;
  /** This puller has just placed it; else it had been placed before, by this puller or another one. */
  readonly placed: boolean;
  /** When its file was complete, as announced. */
  readonly closedMs: number | undefined;
}

/** A receipt on its way. Its marks stay the same when it is sent again, so that readers can tell two receipts from two placings. */
interface Sendable {
  readonly receipt: Receipt;
  readonly marks: Marks;
}

/** A quarter of an hour of a puller's products at ten a second, in about a megabyte. */
const waitingMaxDefault = 10_000;
const retryMsDefault = 200;
const drainPollMs = 10;

/**
 * Reports to the dispatchers and auditors that a product is in a receiver queue folder. No pull waits for it and no ack depends on
 * it. While the broker is away or accepts no messages, receipts wait here, because just then the dispatchers have unconfirmed
 * products. A receipt may still be lost, with this process or beyond the limit. Then the dispatchers wait longer, and may publish
 * the product again.
 */
export class Receipts {
  readonly #options: ReceiptsOptions;
  readonly #waiting = new Set<Sendable>();
  #inFlight = 0;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: ReceiptsOptions) {
    this.#options = options;
    for (const event of ["ready", "unblocked"] as const) options.session.on(event, () => this.#sendWaiting());
  }

  /** Receipts that the broker does not have yet. */
  get pending(): number {
    return this.#waiting.size + this.#inFlight;
  }

  send(receipt: Receipt): void {
    const { waitingMax = waitingMaxDefault, onOutcome, host, nowMs = Date.now } = this.#options;
    const { placed, closedMs } = receipt;
    const done: Marks = placed ? { placedMs: nowMs() } : { before: true };
    this.#waiting.add({ receipt, marks: { ...done, host, ...(closedMs === undefined ? {} : { closedMs }) } });
    if (this.#waiting.size > waitingMax) {
      const [oldest] = this.#waiting;
      if (oldest) this.#waiting.delete(oldest);
      onOutcome("dropped");
    }
    this.#sendWaiting();
  }

  /** Resolves once the broker has all of them, it can't be reached, or `deadline` aborts. */
  async drained(deadline: AbortSignal): Promise<void> {
    while (this.pending > 0 && this.#options.session.state === "ready" && !deadline.aborted) await delay(drainPollMs);
  }

  #sendWaiting(): void {
    const { session } = this.#options;
    for (const one of this.#waiting) {
      if (session.state !== "ready" || !session.isWritable) return;
      this.#waiting.delete(one);
      this.#publish(one);
    }
  }

  #publish(one: Sendable): void {
    const { session, exchange, topic, onOutcome } = this.#options;
    const { key, timestampSeconds } = one.receipt;
    // Without a dispatcher there is no ledger queue and no use for receipts: not mandatory.
    const options = {
      mandatory: false,
      contentType: "text/plain",
      headers: markHeaders(one.marks),
      ...(timestampSeconds === undefined ? {} : { timestampSeconds }),
    };
    this.#inFlight += 1;
    session.publish(exchange, topic, Buffer.from(key), options).then((outcome) => {
      this.#inFlight -= 1;
      onOutcome(outcome);
      if (outcome === "lost" || outcome === "nacked") {
        this.#waiting.add(one);
        // After a pause, not at once: a connection that is closing fails each publish immediately.
        this.#retry ??= setTimeout(() => this.#onRetry(), this.#options.retryMs ?? retryMsDefault).unref();
      } else this.#sendWaiting();
    });
  }

  #onRetry(): void {
    this.#retry = undefined;
    this.#sendWaiting();
  }
}
