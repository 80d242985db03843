import { setTimeout as delay } from "node:timers/promises";
import type { BrokerSession } from "./broker-session.ts";
import type { PublishOptions } from "./publisher.ts";

/** `lost`, `nacked`: it is sent again. `dropped`: nobody gets it. */
export type NoticeOutcome = "confirmed" | "returned" | "nacked" | "lost" | "dropped";

export interface SideNoticesOptions {
  readonly session: Pick<BrokerSession, "publish" | "state" | "isWritable" | "on">;
  readonly exchange: string;
  readonly topic: string;
  /** Notices kept while the broker accepts none; beyond this the oldest is dropped. */
  readonly waitingMax?: number;
  readonly retryMs?: number;
  readonly onOutcome: (outcome: NoticeOutcome, notice: Notice) => void;
}

/** It stays the same when it is sent again, so that readers can tell two copies from two notices. */
export interface Notice extends Omit<PublishOptions, "mandatory"> {
  readonly body: Buffer;
  /** How much it reports, if not one thing. */
  readonly count?: number;
}

/** A quarter of an hour of products at ten a second, in a few megabytes. */
const waitingMaxDefault = 10_000;
const retryMsDefault = 200;
const drainPollMs = 10;

/**
 * Messages that say what an agent has done: a product was announced, or placed. Nothing waits for them, and nothing depends on them for its
 * safety. While the broker is away or accepts no messages, they wait here. They may still be lost, with this process or beyond the limit.
 */
export class SideNotices {
  readonly #options: SideNoticesOptions;
  readonly #waiting = new Set<Notice>();
  #inFlight = 0;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: SideNoticesOptions) {
    this.#options = options;
    for (const event of ["ready", "unblocked"] as const) options.session.on(event, () => this.#sendWaiting());
  }

  /** Notices that the broker does not have yet. */
  get pending(): number {
    return this.#waiting.size + this.#inFlight;
  }

  send(notice: Notice): void {
    const { waitingMax = waitingMaxDefault, onOutcome } = this.#options;
    this.#waiting.add(notice);
    if (this.#waiting.size > waitingMax) {
      const [oldest] = this.#waiting;
      if (!oldest) return;
      this.#waiting.delete(oldest);
      onOutcome("dropped", oldest);
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

  #publish(one: Notice): void {
    const { session, exchange, topic, onOutcome } = this.#options;
    const { body, count: _, ...options } = one;
    this.#inFlight += 1;
    // Without a reader there is no queue and no use for notices: not mandatory.
    session.publish(exchange, topic, body, { ...options, mandatory: false }).then((outcome) => {
      this.#inFlight -= 1;
      onOutcome(outcome, one);
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
