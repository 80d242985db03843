import type { dispatcherStates } from "../lib/health.ts";
import type { CoreOptions, CoreParts } from "./core-options.ts";
import { Decisions } from "./decisions.ts";
import type { Effect, Event, Incoming, LedgerRecord } from "./events.ts";
import { Feed } from "./feed.ts";
import { Patience } from "./patience.ts";
import { Step } from "./step.ts";

export type CoreState = (typeof dispatcherStates)[number];

/** Taking goes on when the table has come down to this part of its bound, not one below: no flutter at the bound. */
const resumeShare = 0.9;

/**
 * dispatcher: sr3 "winnow"; was dd_dispatcher.py.
 *
 * Decides what becomes of each announcement. No clock, no socket: events in, effects out, in order. Nothing is acked whose
 * product is not out, so a crash at any point loses nothing; nothing is decided before all that others published is known, so
 * nothing goes out twice. This file says whether this host takes announcements at all; see `Decisions` for what it does then.
 */
export class DispatcherCore {
  readonly #turn: Step;
  readonly #decisions: Decisions;
  readonly #feed: Feed;
  readonly #patience: Patience;
  #held = false;
  #stopped = false;
  #full: boolean;
  #ledgerPaused: boolean;
  /** `leaving`: still subscribed, so that nobody else is given anything while a publish of ours is not settled. */
  #taking: "no" | "yes" | "leaving" = "no";
  #leavingSinceMs = 0;

  constructor(options: CoreOptions, parts: CoreParts) {
    this.#turn = new Step(options, parts);
    this.#decisions = new Decisions(this.#turn, parts.instance);
    this.#feed = new Feed(this.#turn);
    this.#patience = new Patience(this.#turn);
    this.#full = this.entries >= options.entriesMax;
    this.#ledgerPaused = this.#full;
  }

  get state(): CoreState {
    if (this.#stopped) return "stopped";
    if (this.#full) return "full";
    if (this.#taking !== "yes") return "standby";
    if (this.#feed.isFenced) return "fenced";
    return this.#decisions.catchingUp.isUnderWay ? "catching-up" : "active";
  }

  /** Products claimed and not yet confirmed. */
  get inFlight(): number {
    return this.#decisions.products.claims.size;
  }

  /** Products known, and on their way. */
  get entries(): number {
    return this.#decisions.products.entries;
  }

  /** Claims that wait to be published again, because the broker returned or refused them. */
  get retrying(): number {
    return this.#decisions.products.claims.retrying;
  }

  /** Deliveries that wait until it is known what others published, or until there is room under way. */
  get keptAside(): number {
    return this.#decisions.catchingUp.aside.size;
  }

  /** Deliveries held because their product may be lost. */
  get doubts(): number {
    return this.#decisions.products.doubts.size;
  }

  /** Requests of pullers that wait for a twin. */
  get alternatesWaiting(): number {
    return this.#decisions.alternates.waiting;
  }

  /** The ledger is not to be consumed for now; true from the start where the table came full from disk. */
  get ledgerPaused(): boolean {
    return this.#ledgerPaused;
  }

  /** Nothing is in hand, nothing under way: after `stop`, all is done. */
  get isIdle(): boolean {
    return this.#taking === "no" && this.#decisions.sent === 0;
  }

  /** The delivery that the event handled last was decided about last; undefined where there was none. */
  get deciding(): Incoming | undefined {
    return this.#turn.deciding;
  }

  /** What is to be done about an event, in order. `nowMs` never goes back. */
  handle(event: Event, nowMs: number): Effect[] {
    this.#turn.nowMs = nowMs;
    this.#turn.deciding = undefined;
    switch (event.type) {
      case "delivery":
        this.#onDelivery(event.delivery);
        break;
      case "outcome":
        if (this.#decisions.onOutcome(event.claim, event.outcome)) this.#goOn();
        break;
      case "ledger":
        this.#onLedger(event.record);
        break;
      case "twin-kept":
        this.#decisions.alternates.onKept(event.key, event.ref);
        break;
      case "twin-missing":
        this.#decisions.alternates.onMissing(event.claim);
        break;
      case "output-seen":
        this.#decisions.products.doubts.sawOutput(event.isEmpty);
        break;
      case "deliveries-lost":
        this.#onDeliveriesLost();
        break;
      case "blocked":
      case "unblocked":
        this.#patience.onBlocked(event.type === "blocked");
        break;
      case "tick":
        this.#onTick();
        break;
      case "held":
        this.#onHeld();
        break;
      case "gone":
        this.#onGone();
        break;
      case "stop":
        this.#stopped = true;
        this.#onGone();
        break;
    }
    if (this.#taking === "leaving") this.#leave();
    return this.#turn.end();
  }

  #onDelivery(delivery: Incoming): void {
    if (this.#taking === "no") {
      // It was on its way when the subscription was cancelled: whoever works now gets it.
      this.#turn.push({ type: "requeue", delivery: delivery.id });
      return;
    }
    const { catchingUp } = this.#decisions;
    if (this.#feed.onDelivery()) catchingUp.doubtAfterGap();
    if (this.#taking === "leaving") catchingUp.aside.push(delivery);
    else if (this.#decisions.onDelivery(delivery) === "full") this.#becomeFull();
  }

  #goOn(): void {
    if (this.#taking === "yes" && this.keptAside > 0 && this.#decisions.goOn() === "full") this.#becomeFull();
  }

  #onLedger(record: LedgerRecord): void {
    const { products, alternates } = this.#decisions;
    switch (record.kind) {
      case "published":
        if (!record.ours) this.#sawAnother(record.atMs);
        if (products.onPublished(record) === "full") this.#refuse();
        break;
      case "pulled":
        if (products.onPulled(record) === "full") this.#refuse();
        break;
      case "twin":
        alternates.onTwinSeen(record);
        break;
      case "request":
        products.onRequestSeen(record);
        alternates.onRequestSeen(record);
        break;
      case "marker":
        if (this.#taking === "yes" && this.#decisions.onToken(record.token) === "full") this.#becomeFull();
        break;
    }
  }

  /** Another dispatcher works, or did: nothing more is decided before its publishes are known. */
  #sawAnother(atMs: number): void {
    if (this.#taking !== "yes") return;
    this.#decisions.catchingUp.doubtAfterForeign();
    this.#feed.onAnother(atMs);
  }

  /** To forget a product early would let its twin through; so nothing more is taken until the window has passed. */
  #becomeFull(): void {
    if (!this.#full) this.#turn.push({ type: "full", entries: this.entries });
    this.#full = true;
    this.#startLeaving();
  }

  /** No room for what the ledger says: it comes again. */
  #refuse(): void {
    this.#turn.push({ type: "ledger-pause" });
    this.#ledgerPaused = true;
    this.#becomeFull();
  }

  #onHeld(): void {
    if (this.#held || this.#stopped) return;
    this.#held = true;
    if (this.#full) return;
    if (this.#taking === "no") {
      this.#subscribe();
      return;
    }
    // Back before anybody else was let in.
    this.#taking = "yes";
    this.#decisions.catchingUp.startOver();
    this.#goOn();
  }

  #onGone(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#leavingSinceMs = this.#turn.nowMs;
    this.#startLeaving();
  }

  #startLeaving(): void {
    if (this.#taking === "yes") this.#taking = "leaving";
  }

  /** When nothing of ours is under way, the next one may come: then what is undecided goes back to the queue. */
  #leave(): void {
    if (this.#decisions.sent > 0) return;
    this.#taking = "no";
    this.#turn.push({ type: "cancel" });
    this.#decisions.giveBack();
  }

  #onDeliveriesLost(): void {
    this.#decisions.forgetDeliveries();
    this.#patience.renew();
    if (this.#taking === "leaving") {
      this.#taking = "no";
      this.#turn.push({ type: "cancel" });
    }
    this.#feed.begin();
  }

  #subscribe(): void {
    this.#taking = "yes";
    this.#turn.push({ type: "subscribe" });
    this.#feed.begin();
  }

  #onTick(): void {
    const { table, options, nowMs } = this.#turn;
    table.expire(nowMs);
    if (this.#full && this.#taking === "no" && this.entries <= options.entriesMax * resumeShare) this.#resume();
    // Whoever ends begins nothing more.
    if (this.#taking !== "leaving") this.#decisions.alternates.onTick(this.#taking === "yes" || this.#stopped);
    if (this.#taking === "yes") this.#decisions.onTick();
    this.#goOn();
    this.#giveUp();
  }

  #resume(): void {
    this.#full = false;
    if (this.#ledgerPaused) this.#turn.push({ type: "ledger-resume" });
    this.#ledgerPaused = false;
    if (this.#held) this.#subscribe();
  }

  /** What is not settled in time must die with its channel, before another host decides about the same. */
  #giveUp(): void {
    const { nowMs, options } = this.#turn;
    const { giveUpMs, confirmTimeoutMs } = options;
    if (this.#taking === "leaving" && !this.#held && nowMs - this.#leavingSinceMs >= giveUpMs) {
      this.#disconnect(`publishes not settled within ${giveUpMs} ms after the address left`);
      this.#taking = "no";
      this.#decisions.forgetDeliveries();
      // After the break: the broker must not let the next one in while our channel lives.
      this.#turn.push({ type: "cancel" });
      return;
    }
    if (this.#patience.isOver(this.#decisions.oldestSentAtMs)) {
      this.#disconnect(`a publish not settled for ${confirmTimeoutMs} ms`);
    }
  }

  #disconnect(reason: string): void {
    this.#patience.renew();
    this.#turn.push({ type: "disconnect", reason });
  }
}
