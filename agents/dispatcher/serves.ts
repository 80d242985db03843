import { backoffMs } from "../lib/backoff.ts";
import type { Incoming } from "./events.ts";
import type { Help } from "./helps.ts";
import type { Step } from "./step.ts";

/** An alternate on its way out: published and not settled, or about to be published again. */
export interface Serve extends Help {
  /** The product's first arrival, where it is known. */
  readonly firstAtMs: number | undefined;
  /** On disk under this reference; 0: in hand. */
  readonly ref: number;
  /** Sent without being asked by a delivery: nobody's message waits for it. */
  readonly unasked: boolean;
  /** The failed announcement itself, because no twin came. */
  readonly lastRound: boolean;
  readonly fromMs: number;
  /** The announcement in hand: acked when it is out. */
  delivery: Incoming | undefined;
  /** Requests that are acked when it is out. */
  requests: Incoming[];
  /** Of the publish under way; 0 while it waits for the next attempt. */
  id: number;
  sentAtMs: number;
  attempts: number;
  retryAtMs: number;
}

/** What is sent: what is left out is 0, false, nothing. */
export type Answer = Partial<Pick<Serve, "ref" | "unasked" | "lastRound" | "delivery" | "requests">>;

/** Alternates on their way, one a product. */
export class Serves {
  readonly #turn: Step;
  readonly #byKey = new Map<string, Serve>();
  readonly #sent = new Map<number, Serve>();

  constructor(turn: Step) {
    this.#turn = turn;
  }

  get sent(): number {
    return this.#sent.size;
  }

  /** Alternates on their way. */
  get size(): number {
    return this.#byKey.size;
  }

  get oldestSentAtMs(): number {
    for (const serve of this.#sent.values()) return serve.sentAtMs;
    return Number.POSITIVE_INFINITY;
  }

  get(key: string): Serve | undefined {
    return this.#byKey.get(key);
  }

  /** Publishes it at once. `firstAtMs`: the product's first arrival, where it is known. */
  start({ key, routingKey, reason, source }: Help, firstAtMs: number | undefined, answer: Answer): void {
    const { ref = 0, unasked = false, lastRound = false, delivery, requests = [] } = answer;
    const serve: Serve = {
      ...{ key, routingKey, reason, source, firstAtMs, ref, unasked, lastRound, delivery, requests },
      ...{ fromMs: this.#turn.nowMs, id: 0, sentAtMs: 0, attempts: 0, retryAtMs: Number.POSITIVE_INFINITY },
    };
    this.#byKey.set(key, serve);
    this.#send(serve);
  }

  /** The one whose publish this was; it is under way no more. */
  settle(id: number): Serve | undefined {
    const serve = this.#sent.get(id);
    if (!serve) return undefined;
    this.#sent.delete(id);
    serve.id = 0;
    return serve;
  }

  release(serve: Serve): void {
    this.#byKey.delete(serve.key);
  }

  retry(serve: Serve): void {
    serve.retryAtMs = this.#turn.nowMs + backoffMs(this.#turn.options.retry, serve.attempts, this.#turn.random);
  }

  onTick(): void {
    for (const serve of this.#byKey.values()) if (serve.retryAtMs <= this.#turn.nowMs) this.#send(serve);
  }

  /** What is under way stays until it is settled; what waits for another attempt comes again by its request. */
  forgetDeliveries(): void {
    for (const serve of this.#byKey.values()) {
      serve.delivery = undefined;
      serve.requests = [];
      if (serve.id === 0 && !serve.unasked) this.#byKey.delete(serve.key);
    }
  }

  /** Requeues what waits for another attempt. */
  giveBack(): void {
    for (const serve of this.#byKey.values()) {
      if (serve.id !== 0) continue;
      if (!serve.unasked) this.#byKey.delete(serve.key);
      if (serve.delivery) this.#turn.push({ type: "requeue", delivery: serve.delivery.id });
      for (const { id } of serve.requests) this.#turn.push({ type: "requeue", delivery: id });
      serve.requests = [];
    }
  }

  #send(serve: Serve): void {
    const claim = this.#turn.nextId();
    serve.id = claim;
    serve.sentAtMs = this.#turn.nowMs;
    serve.attempts++;
    serve.retryAtMs = Number.POSITIVE_INFINITY;
    this.#sent.set(claim, serve);
    const { routingKey, reason, firstAtMs, ref, delivery } = serve;
    if (delivery) this.#turn.push({ type: "serve-delivery", claim, routingKey, delivery, firstAtMs, reason });
    else this.#turn.push({ type: "serve", claim, routingKey, ref, firstAtMs, reason });
  }
}
