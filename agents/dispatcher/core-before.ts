import { backoffMs } from "../lib/backoff.ts";
import { codecs } from "../lib/codecs.ts";
import type { PublishOutcome } from "../lib/publisher.ts";
import { bad, good, type Result } from "../lib/result.ts";
import { replacePrefix } from "../lib/topics.ts";
import { DedupTable } from "./dedup-map.ts";
import type { Effect, Event, Incoming } from "./events.ts";

export interface CoreOptions {
  readonly inputTopic: string;
  readonly notifyTopic: string;
  readonly dedupWindowMs: number;
  readonly entriesMax: number;
  readonly retry: { readonly minMs: number; readonly maxMs: number };
}

/** An announcement that could be read, and a delivery of it that is ours. */
interface Arrival {
  readonly delivery: Incoming;
  readonly notifyKey: string;
  readonly source: string;
  readonly atMs: number;
}

/** A product on its way out: published and not confirmed, or about to be published again. */
interface Claim {
  id: number;
  readonly key: string;
  readonly first: Arrival;
  /** Whose announcement is published. */
  current: Arrival;
  /** The current delivery is still ours. */
  currentIsOurs: boolean;
  /** Further announcements of the product: they wait for the outcome. */
  waiting: Arrival[];
  attempts: number;
  /** Undefined while a publish is under way. */
  retryAtMs: number | undefined;
}

/** Taking goes on when the table has come down to this part of its bound, not one below: no flutter at the bound. */
const resumeShare = 0.9;

/**
 * dispatcher: sr3 "winnow"; was dd_dispatcher.py.
 *
 * Decides what becomes of each announcement: claim the product, publish, and only when that is confirmed ack; whoever comes
 * second while the claim is open waits for its outcome. No clock, no socket: events in, effects out, in order. Nothing is
 * acked whose product is not out, so a crash at any point loses nothing.
 */
export class DispatcherCore {
  readonly #options: CoreOptions;
  readonly #out: DedupTable;
  readonly #claims = new Map<string, Claim>();
  readonly #publishing = new Map<number, Claim>();
  readonly #retrying = new Set<Claim>();
  readonly #random: () => number;
  #nextClaim = 1;
  #held = false;
  #stopped = false;
  #full = false;

  constructor(options: CoreOptions, random: () => number = Math.random) {
    this.#options = options;
    this.#random = random;
    this.#out = new DedupTable(options.dedupWindowMs);
  }

  /** Products claimed and not yet confirmed. */
  get inFlight(): number {
    return this.#claims.size;
  }

  get entries(): number {
    return this.#out.size + this.#claims.size;
  }

  get state(): "active" | "standby" | "full" | "stopped" {
    if (this.#stopped) return "stopped";
    if (!this.#held) return "standby";
    return this.#full ? "full" : "active";
  }

  /** Claims that wait to be published again, because the broker returned or refused them. */
  get retrying(): number {
    return this.#retrying.size;
  }

  handle(event: Event, nowMs: number): Effect[] {
    switch (event.type) {
      case "delivery":
        return this.#onDelivery(event.delivery, nowMs);
      case "outcome":
        return this.#onOutcome(event.claim, event.outcome, nowMs);
      case "deliveries-lost":
        return this.#onDeliveriesLost();
      case "tick":
        return this.#onTick(nowMs);
      case "held":
        return this.#onHeld();
      case "gone":
        return this.#onGone();
      case "stop":
        return this.#onStop();
      default:
        return [];
    }
  }

  #onDelivery(delivery: Incoming, nowMs: number): Effect[] {
    // It was on its way when the subscription was cancelled: whoever works now gets it.
    if (this.state !== "active") return [{ type: "requeue", delivery: delivery.id }];
    const read = this.#read(delivery, nowMs);
    if (!read.ok) return [{ type: "dead-letter", delivery: delivery.id, reason: read.reason }];
    const { key, arrival } = read.value;

    const claim = this.#claims.get(key);
    if (claim) {
      claim.waiting.push(arrival);
      return [];
    }
    const first = this.#out.get(key, nowMs);
    if (first) {
      const leadMs = nowMs - first.atMs;
      return [
        { type: "twin", source: arrival.source, firstSource: first.source, leadMs, sizeDiffers: false },
        { type: "ack", delivery: delivery.id },
      ];
    }
    if (this.entries >= this.#options.entriesMax) {
      // To forget a product early would let its twin through; so nothing more is taken until the window has passed.
      this.#full = true;
      return [{ type: "full", entries: this.entries }, { type: "cancel" }, { type: "requeue", delivery: delivery.id }];
    }
    return [this.#claim(key, arrival)];
  }

  #claim(key: string, arrival: Arrival): Effect {
    const claim: Claim = {
      id: 0,
      key,
      first: arrival,
      current: arrival,
      currentIsOurs: true,
      waiting: [],
      attempts: 0,
      retryAtMs: undefined,
    };
    this.#claims.set(key, claim);
    return this.#publish(claim);
  }

  #publish(claim: Claim): Effect {
    claim.id = this.#nextClaim++;
    claim.attempts++;
    claim.retryAtMs = undefined;
    this.#retrying.delete(claim);
    this.#publishing.set(claim.id, claim);
    const { delivery, notifyKey } = claim.current;
    const firstAtMs = claim.first.atMs;
    return { type: "publish", claim: claim.id, routingKey: notifyKey, delivery, firstAtMs, doubt: false };
  }

  #onOutcome(id: number, outcome: PublishOutcome, nowMs: number): Effect[] {
    const claim = this.#publishing.get(id);
    if (!claim) return [];
    this.#publishing.delete(id);
    return outcome === "confirmed" ? this.#commit(claim, nowMs) : this.#onFailure(claim, outcome, nowMs);
  }

  /** The product is out: from here on its twins are only counted. */
  #commit(claim: Claim, nowMs: number): Effect[] {
    const { current, first } = claim;
    this.#claims.delete(claim.key);
    this.#out.add(claim.key, { atMs: first.atMs, source: current.source });
    const effects: Effect[] = [{ type: "won", source: current.source, tookMs: nowMs - first.atMs }];
    if (claim.currentIsOurs) effects.push({ type: "ack", delivery: current.delivery.id });
    for (const twin of claim.waiting) {
      const leadMs = twin.atMs - first.atMs;
      effects.push({ type: "twin", source: twin.source, firstSource: current.source, leadMs, sizeDiffers: false });
      effects.push({ type: "ack", delivery: twin.delivery.id });
    }
    return effects;
  }

  /** Returned, refused or lost: tried again while any delivery of it is ours, else left to the broker's redelivery. */
  #onFailure(claim: Claim, outcome: PublishOutcome, nowMs: number): Effect[] {
    const effects: Effect[] = [{ type: "publish-failed", outcome, routingKey: claim.current.notifyKey }];
    if (!claim.currentIsOurs) {
      const heir = claim.waiting.shift();
      if (!heir) {
        this.#release(claim);
        return effects;
      }
      claim.current = heir;
      claim.currentIsOurs = true;
    }
    if (this.state !== "active" && this.state !== "full") {
      // With the publish the connection is lost, and with it every delivery: the broker gives them out again by itself.
      if (outcome === "lost") this.#release(claim);
      else effects.push(...this.#giveBack(claim));
      return effects;
    }
    claim.retryAtMs = nowMs + backoffMs(this.#options.retry, claim.attempts, this.#random);
    this.#retrying.add(claim);
    return effects;
  }

  #onDeliveriesLost(): Effect[] {
    for (const claim of this.#claims.values()) {
      claim.waiting = [];
      claim.currentIsOurs = false;
      // With a publish under way the claim stays until its outcome: if that is "confirmed", the redelivery is a twin.
      if (claim.retryAtMs !== undefined) this.#release(claim);
    }
    return [];
  }

  #onTick(nowMs: number): Effect[] {
    const effects: Effect[] = [];
    for (const claim of this.#retrying) {
      if (claim.retryAtMs !== undefined && claim.retryAtMs <= nowMs) effects.push(this.#publish(claim));
    }
    this.#out.expire(nowMs);
    if (this.#full && this.entries <= this.#options.entriesMax * resumeShare) {
      this.#full = false;
      if (this.state === "active") effects.push({ type: "subscribe" });
    }
    return effects;
  }

  #onHeld(): Effect[] {
    if (this.#held || this.#stopped) return [];
    this.#held = true;
    return this.#full ? [] : [{ type: "subscribe" }];
  }

  #onGone(): Effect[] {
    if (!this.#held) return [];
    this.#held = false;
    // What is published waits for its confirm and is acked then: only we know that it is out.
    return [{ type: "cancel" }, ...[...this.#retrying].flatMap((claim) => this.#giveBack(claim))];
  }

  #onStop(): Effect[] {
    const effects = this.#onGone();
    this.#stopped = true;
    return effects;
  }

  #giveBack(claim: Claim): Effect[] {
    this.#release(claim);
    const ours = claim.currentIsOurs ? [claim.current, ...claim.waiting] : claim.waiting;
    return ours.map((arrival) => ({ type: "requeue", delivery: arrival.delivery.id }));
  }

  #release(claim: Claim): void {
    this.#claims.delete(claim.key);
    this.#retrying.delete(claim);
  }

  #read(delivery: Incoming, nowMs: number): Result<{ key: string; arrival: Arrival }> {
    const notifyKey = replacePrefix(delivery.routingKey, this.#options.inputTopic, this.#options.notifyTopic);
    if (!notifyKey.ok) return notifyKey;
    const announcement = codecs.v00.parse({ body: delivery.body });
    if (!announcement.ok) return announcement;
    const { key, baseUrl } = announcement.value;
    if (key === undefined) return bad("announcement has no key");
    const source = new URL(baseUrl).host;
    return good({ key, arrival: { delivery, notifyKey: notifyKey.value, source, atMs: nowMs } });
  }
}
