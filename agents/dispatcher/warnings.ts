import type { Log } from "../lib/log.ts";
import type { PublishOutcome } from "../lib/publisher.ts";

const intervalMs = 5000;

/** Logs one line for many failures of one kind: without a broker, hundreds fail at once, again and again. */
export class Warnings {
  readonly #log: Log;
  readonly #unreported = new Map<string, { count: number; atMs: number }>();

  constructor(log: Log) {
    this.#log = log;
  }

  publishFailed(outcome: PublishOutcome, routingKey: string, nowMs: number): void {
    this.#warn(outcome, { outcome, routingKey }, explanations[outcome], nowMs);
  }

  doubtPublishedAgain(heldMs: number, nowMs: number): void {
    const text =
      "no puller has a product that was published before a broker or this dispatcher died: published again, marked as unconfirmed";
    this.#warn("doubt", { heldMs }, text, nowMs);
  }

  #warn(kind: string, facts: object, text: string, nowMs: number): void {
    const unreported = this.#unreported.get(kind) ?? { count: 0, atMs: Number.NEGATIVE_INFINITY };
    this.#unreported.set(kind, unreported);
    unreported.count++;
    if (nowMs - unreported.atMs < intervalMs) return;
    this.#log.warn({ ...facts, times: unreported.count }, text);
    this.#unreported.set(kind, { count: 0, atMs: nowMs });
  }
}

const explanations: Readonly<Record<PublishOutcome, string>> = {
  confirmed: "confirmed",
  returned: "no queue accepts the announcement: retrying (is the output queue bound?)",
  nacked: "the broker refused the announcement: retrying",
  lost: "the connection was lost before the confirm: the broker delivers the announcement again",
};
