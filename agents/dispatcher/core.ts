import type { dispatcherStates } from "../lib/health.ts";
import { ConfirmTimeout } from "./confirm-timeout.ts";
import type { CoreOptions, CoreParts } from "./core-options.ts";
import { Decisions } from "./decisions.ts";
import type { Effect, Event, Incoming, LedgerRecord } from "./events.ts";
import { Feed } from "./feed.ts";
import { Step } from "./step.ts";

export type CoreState = (typeof dispatcherStates)[number];

/**
 * Accepting resumes once the table has shrunk to this share of its limit, not just below it. This prevents flapping at the limit.
 */
const resumeShare = 0.9;

/**
 * dispatcher: sr3 "winnow"; was dd_dispatcher.py.
 *
 * Decides what happens to each announcement. It has no clock and no socket: events come in, effects go out, in order. A delivery
 * is not acked before its product is published, so a crash at any point loses nothing. Nothing is decided before everything that
 * others published is known, so nothing is published twice. This class decides whether this host accepts announcements at all;
 * `Decisions` handles those it accepts.
 */
export class DispatcherCore {
  readonly #step: Step;
  readonly #decisions: Decisions;
  readonly #feed: Feed;
  readonly #confirmTimeout: ConfirmTimeout;
  #holdsAddress = false;
  #stopped = false;
  #full: boolean;
  #ledgerPaused: boolean;
  /** `leaving`: still subscribed, so that the broker delivers to no other host while a publish of ours is unsettled. */
  #accepting: "no" | "yes" | "leaving" = "no";
  #leavingSinceMs = 0;

  constructor(options: CoreOptions, parts: CoreParts) {
    this.#step = new Step(options, parts);
    this.#decisions = new Decisions(this.#step, parts.instance);
    this.#feed = new Feed(this.#step);
    this.#confirmTimeout = new ConfirmTimeout(this.#step);
    this.#full = this.entries >= options.entriesMax;
    this.#ledgerPaused = this.#full;
  }

  get state(): CoreState {
    if (this.#stopped) return "stopped";
    if (this.#full) return "full";
    if (this.#accepting !== "yes") return "standby";
    if (this.#feed.isFenced) return "fenced";
    return this.#decisions.catchingUp.isInProgress ? "catching-up" : "active";
  }

  /** Products claimed and not yet confirmed. */
  get inFlight(): number {
    return this.#decisions.products.claims.size;
  }

  /** Products known, and those in flight. */
  get entries(): number {
    return this.#decisions.products.entries;
  }

  /** Claims that wait to be published again because the broker returned or refused them. */
  get retrying(): number {
    return this.#decisions.products.claims.retrying;
  }

  /** Deliveries that wait until it is known what others published, or until another publish may be sent. */
  get keptAside(): number {
    return this.#decisions.catchingUp.deferred.size;
  }

  /** Deliveries held because their product may be lost. */
  get unconfirmed(): number {
    return this.#decisions.products.unconfirmed.size;
  }

  /** Pullers' requests that wait for a twin. */
  get alternatesWaiting(): number {
    return this.#decisions.alternates.waiting;
  }

  /** The ledger must not be consumed for now. True from the start if the table read from disk is full. */
  get ledgerPaused(): boolean {
    return this.#ledgerPaused;
  }

  /** Nothing is accepted and nothing is in flight. After `stop` this means that all work is done. */
  get isIdle(): boolean {
    return this.#accepting === "no" && this.#decisions.sent === 0;
  }

  /** The last delivery that the last handled event led to a decision about; undefined if there was none. */
  get deciding(): Incoming | undefined {
    return this.#step.deciding;
  }

  /** Returns the effects of an event, in order. `nowMs` never goes back. */
  handle(event: Event, nowMs: number): Effect[] {
    this.#step.nowMs = nowMs;
    this.#step.deciding = undefined;
    switch (event.type) {
      case "delivery":
        this.#onDelivery(event.delivery);
        break;
      case "outcome":
        if (this.#decisions.onOutcome(event.claim, event.outcome)) this.#decideDeferred();
        break;
      case "ledger":
        this.#onLedger(event.record);
        break;
      case "ledger-gap":
        this.#decisions.products.onGap(event.atMs);
        break;
      case "twin-kept":
        this.#decisions.alternates.onKept(event.key, event.ref);
        break;
      case "twin-missing":
        this.#decisions.alternates.onMissing(event.claim);
        break;
      case "output-seen":
        this.#decisions.products.unconfirmed.onOutputSeen(event.isEmpty);
        break;
      case "deliveries-lost":
        this.#onDeliveriesLost();
        break;
      case "blocked":
      case "unblocked":
        this.#confirmTimeout.onBlocked(event.type === "blocked");
        break;
      case "tick":
        this.#onTick();
        break;
      case "held":
        this.#onAddressHeld();
        break;
      case "gone":
        this.#onAddressLost();
        break;
      case "stop":
        this.#stopped = true;
        this.#onAddressLost();
        break;
    }
    if (this.#accepting === "leaving") this.#leave();
    return this.#step.finish();
  }

  #onDelivery(delivery: Incoming): void {
    if (this.#accepting === "no") {
      // It was in transit when the subscription was cancelled. The broker delivers it to the active host.
      this.#step.push({ type: "requeue", delivery: delivery.id });
      return;
    }
    const { catchingUp } = this.#decisions;
    if (this.#feed.onDelivery()) catchingUp.requireMarkerAfterGap();
    if (this.#accepting === "leaving") catchingUp.deferred.push(delivery);
    else if (this.#decisions.onDelivery(delivery) === "full") this.#becomeFull();
  }

  #decideDeferred(): void {
    if (this.#accepting === "yes" && this.keptAside > 0 && this.#decisions.decideDeferred() === "full")
      this.#becomeFull();
  }

  #onLedger(record: LedgerRecord): void {
    const { products, alternates } = this.#decisions;
    switch (record.kind) {
      case "published":
        if (!record.ours) this.#onForeignPublish(record.atMs);
        if (products.onPublished(record) === "full") this.#pauseLedger();
        break;
      case "pulled":
        if (products.onPulled(record) === "full") this.#pauseLedger();
        break;
      case "twin":
        alternates.onTwinSeen(record);
        break;
      case "request":
        products.onRequestSeen(record);
        alternates.onRequestSeen(record);
        break;
      case "marker":
        if (this.#accepting === "yes" && this.#decisions.onToken(record.token) === "full") this.#becomeFull();
        break;
    }
  }

  /** Another dispatcher is or was active. Nothing more is decided before its publishes are known. */
  #onForeignPublish(atMs: number): void {
    if (this.#accepting !== "yes") return;
    this.#decisions.catchingUp.requireMarkerAfterForeign();
    this.#feed.onForeignPublish(atMs);
  }

  /** Forgetting a product early would let its twin through, so nothing more is accepted until a window has passed. */
  #becomeFull(): void {
    if (!this.#full) this.#step.push({ type: "full", entries: this.entries });
    this.#full = true;
    this.#startLeaving();
  }

  /** The table has no room for a record of the ledger, which is delivered again later. */
  #pauseLedger(): void {
    this.#step.push({ type: "ledger-pause" });
    this.#ledgerPaused = true;
    this.#becomeFull();
  }

  #onAddressHeld(): void {
    if (this.#holdsAddress || this.#stopped) return;
    this.#holdsAddress = true;
    if (this.#full) return;
    if (this.#accepting === "no") {
      this.#subscribe();
      return;
    }
    // The address came back before the broker delivered to another host.
    this.#accepting = "yes";
    this.#decisions.catchingUp.startOver();
    this.#decideDeferred();
  }

  #onAddressLost(): void {
    if (!this.#holdsAddress) return;
    this.#holdsAddress = false;
    this.#leavingSinceMs = this.#step.nowMs;
    this.#startLeaving();
  }

  #startLeaving(): void {
    if (this.#accepting === "yes") this.#accepting = "leaving";
  }

  /** Once none of our publishes is in flight, another host may take over: the undecided deliveries are requeued. */
  #leave(): void {
    if (this.#decisions.sent > 0) return;
    this.#accepting = "no";
    this.#step.push({ type: "cancel" });
    this.#decisions.requeueAll();
  }

  #onDeliveriesLost(): void {
    this.#decisions.forgetDeliveries();
    this.#confirmTimeout.reset();
    if (this.#accepting === "leaving") {
      this.#accepting = "no";
      this.#step.push({ type: "cancel" });
    }
    this.#feed.begin();
  }

  #subscribe(): void {
    this.#accepting = "yes";
    this.#step.push({ type: "subscribe" });
    this.#feed.begin();
  }

  #onTick(): void {
    const { table, options, nowMs } = this.#step;
    table.expire(nowMs);
    if (this.#full && this.#accepting === "no" && this.entries <= options.entriesMax * resumeShare) this.#resume();
    // A host that is leaving starts nothing new.
    if (this.#accepting !== "leaving") this.#decisions.alternates.onTick(this.#accepting === "yes" || this.#stopped);
    if (this.#accepting === "yes") this.#decisions.onTick();
    this.#decideDeferred();
    this.#checkTimeouts();
  }

  #resume(): void {
    this.#full = false;
    if (this.#ledgerPaused) this.#step.push({ type: "ledger-resume" });
    this.#ledgerPaused = false;
    if (this.#holdsAddress) this.#subscribe();
  }

  /**
   * Publishes that are not settled in time must be dropped with their channel, before another host decides about the same
   * products.
   */
  #checkTimeouts(): void {
    const { nowMs, options } = this.#step;
    const { giveUpMs, confirmTimeoutMs } = options;
    if (this.#accepting === "leaving" && !this.#holdsAddress && nowMs - this.#leavingSinceMs >= giveUpMs) {
      this.#disconnect(`publishes not settled within ${giveUpMs} ms after the address was lost`);
      this.#accepting = "no";
      this.#decisions.forgetDeliveries();
      // After the disconnect: the broker must not deliver to another host while our channel is open.
      this.#step.push({ type: "cancel" });
      return;
    }
    if (this.#confirmTimeout.isOver(this.#decisions.oldestSentAtMs)) {
      this.#disconnect(`a publish was not settled for ${confirmTimeoutMs} ms`);
    }
  }

  #disconnect(reason: string): void {
    this.#confirmTimeout.reset();
    this.#step.push({ type: "disconnect", reason });
  }
}
