import type { Log } from "../lib/log.ts";
import type { PublishOutcome } from "../lib/publisher.ts";

const intervalMs = 5000;

/** One line for many failures of one kind: a broker away fails hundreds at once, each again and again. */
export class Warnings {
  readonly #log: Log;
  readonly #untold = new Map<string, { count: number; atMs: number }>();

  constructor(log: Log) {
    this.#log = log;
  }

  publishFailed(outcome: PublishOutcome, routingKey: string, nowMs: number): void {
    this.#warn(outcome, { outcome, routingKey }, explanations[outcome], nowMs);
  }

  doubtPublishedAgain(heldMs: number, nowMs: number): void {
    const text =
      "no puller has a product that went out before a broker or this dispatcher died: sent again, marked as doubtful";
    this.#warn("doubt", { heldMs }, text, nowMs);
  }

  #warn(kind: string, facts: object, text: string, nowMs: number): void {
    const untold = this.#untold.get(kind) ?? { count: 0, atMs: Number.NEGATIVE_INFINITY };
    this.#untold.set(kind, untold);
    untold.count++;
    if (nowMs - untold.atMs < intervalMs) return;
    this.#log.warn({ ...facts, times: untold.count }, text);
    this.#untold.set(kind, { count: 0, atMs: nowMs });
  }
}

const explanations: Readonly<Record<PublishOutcome, string>> = {
  confirmed: "confirmed",
  returned: "no queue takes the announcement; trying again (is the output queue bound?)",
  nacked: "the broker could not take the announcement; trying again",
  lost: "the connection went before the confirm; the broker gives the announcement out again",
};
