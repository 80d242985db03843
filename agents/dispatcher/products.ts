import type { PublishOutcome } from "../lib/publisher.ts";
import type { Alternates } from "./alternates.ts";
import type { CatchingUp } from "./catching-up.ts";
import { type Arrival, type Claim, Claims } from "./claims.ts";
import type { LedgerRecord } from "./events.ts";
import { roundingMs, type Step } from "./step.ts";
import { UnconfirmedDeliveries } from "./unconfirmed.ts";

/**
 * Whether the table has room. `full`: the delivery is deferred, or the ledger record is not accepted and has to come again.
 * Nothing more may be accepted until there is room.
 */
export type Room = "room" | "full";

/**
 * Decides each product's announcements. The first is published, and acked once the publish is confirmed. Those that arrive
 * meanwhile wait for its outcome. Later ones are twins, unless it is uncertain that the first got through.
 */
export class Products {
  readonly claims: Claims;
  readonly unconfirmed: UnconfirmedDeliveries;
  readonly #step: Step;
  readonly #catchingUp: CatchingUp;
  readonly #alternates: Alternates;
  /** Until then, an unknown product may have been dispatched all the same. */
  #unsureUntilMs = Number.NEGATIVE_INFINITY;

  constructor(step: Step, catchingUp: CatchingUp, alternates: Alternates) {
    this.#step = step;
    this.#catchingUp = catchingUp;
    this.#alternates = alternates;
    this.claims = new Claims(step);
    this.unconfirmed = new UnconfirmedDeliveries(step);
  }

  /** Products known, and those in flight. */
  get entries(): number {
    return this.#step.table.size + this.claims.size;
  }

  get #hasRoom(): boolean {
    return this.entries < this.#step.options.entriesMax;
  }

  /** Decides an announcement. */
  decide(key: string, arrival: Arrival): Room {
    const claim = this.claims.get(key);
    if (claim) {
      claim.waiting ??= [];
      claim.waiting.push(arrival);
      return "room";
    }
    const slot = this.#step.slotOf(key);
    if (slot >= 0) {
      this.#onKnown(slot, key, arrival);
      return "room";
    }
    if (!this.#hasRoom) {
      this.#catchingUp.deferred.push(arrival.delivery);
      return "full";
    }
    // A redelivered or repeated announcement may already be published, if a node died before our ledger had the publish.
    const { redelivered, marks } = arrival.delivery;
    const isUnconfirmed = redelivered || marks.again === true || this.#step.nowMs < this.#unsureUntilMs;
    this.claims.open(key, arrival, arrival.atMs, isUnconfirmed, false);
    return "room";
  }

  /** False if the outcome does not belong to a claim. */
  onOutcome(id: number, outcome: PublishOutcome): boolean {
    const claim = this.claims.settle(id);
    if (!claim) return false;
    if (outcome === "confirmed") this.#commit(claim);
    else this.#fail(claim, outcome);
    return true;
  }

  /** Products dispatched before `atMs` may be unknown: they stay the same products for a window. */
  onGap(atMs: number): void {
    this.#unsureUntilMs = Math.max(this.#unsureUntilMs, atMs + this.#step.table.windowMs);
  }

  /** The ledger shows that a product was published. */
  onPublished(record: Extract<LedgerRecord, { kind: "published" }>): Room {
    const { key, source, sizeBytes, ours } = record;
    const { nowMs } = this.#step;
    const claim = this.claims.get(key);
    if (claim && ours) claim.echoed = true;
    const slot = this.#step.slotOf(key);
    if (slot >= 0) {
      if (!ours) this.#alternates.onRepublish(key, slot);
      this.#setWinner(slot, record);
    } else {
      // If the other clock is ahead, the entry must not outlast the window by ours.
      const atMs = claim && ours ? claim.firstAtMs : Math.min(record.atMs, nowMs);
      if (this.#isOver(atMs)) return "room";
      if (!claim && !this.#hasRoom) return "full";
      this.#add(key, atMs, source, sizeBytes, false);
    }
    if (claim && claim.id === 0) this.#resolve(claim);
    return "room";
  }

  /** A puller has it. */
  onPulled({ key, atMs: reportedMs }: Extract<LedgerRecord, { kind: "pulled" }>): Room {
    const { nowMs, options } = this.#step;
    // Without a time it may belong to a publish long ago, and proves nothing.
    if (!options.receipts || reportedMs === undefined) return "room";
    const atMs = Math.min(reportedMs, nowMs);
    this.unconfirmed.onPulled(atMs);
    // A receipt for an earlier publish than the known one proves the same, within that publish's window.
    if (this.#isOver(atMs - roundingMs)) return "room";
    const claim = this.claims.get(key);
    let slot = this.#step.slotOf(key);
    if (slot < 0) {
      // Its publish never reached our ledger, or comes later.
      if (!claim && !this.#hasRoom) return "full";
      slot = this.#add(key, atMs, claim?.source ?? "", claim?.sizeBytes ?? 0, true);
    }
    // First, so that no twin is kept any more.
    this.#alternates.onPulled(key);
    this.#markCertain(key, slot);
    if (claim && claim.id === 0) this.#resolve(claim);
    return "room";
  }

  /** A puller received the announcement and can't fetch the file: so the announcement was in the pull queue. */
  onRequestSeen({ key, atMs }: Extract<LedgerRecord, { kind: "request" }>): void {
    const { options } = this.#step;
    const slot = this.#step.slotOf(key);
    if (!options.receipts || slot < 0 || atMs === undefined || this.#isOver(atMs - roundingMs)) return;
    this.#markCertain(key, slot);
    const claim = this.claims.get(key);
    if (claim && claim.id === 0) this.#resolve(claim);
  }

  /** Publishes what was due at `dueMs`, up to the limit of publishes in flight. */
  sendDue(dueMs: number): Room {
    const { options, table, nowMs } = this.#step;
    this.claims.sendDue(dueMs);
    for (;;) {
      const key = this.claims.sent < options.publishingMax ? this.unconfirmed.due(dueMs) : undefined;
      const held = key === undefined ? undefined : this.unconfirmed.release(key);
      if (key === undefined || !held) return "room";
      const slot = this.#step.slotOf(key);
      const [first, ...others] = held;
      if (slot >= 0) {
        this.#alternates.onRepublish(key, slot);
        this.#setWinner(slot, { key, ...first });
        this.claims.open(key, first, table.atMs(slot), true, true);
      }
      // The others wait for the first one's outcome, also if their product was forgotten meanwhile and is claimed here.
      const rest = slot >= 0 ? others : held;
      const rooms = rest.map((arrival) => this.decide(key, { ...arrival, atMs: nowMs }));
      if (rooms.includes("full")) return "full";
    }
  }

  hasDue(dueMs: number): boolean {
    return this.claims.hasDue(dueMs) || this.unconfirmed.due(dueMs) !== undefined;
  }

  forgetDeliveries(): void {
    this.claims.forgetDeliveries();
    this.unconfirmed.forgetDeliveries();
  }

  requeueAll(): void {
    this.claims.requeueAll();
    this.unconfirmed.requeueAll();
  }

  /** The product is published: from now on its twins are only counted. */
  #commit(claim: Claim): void {
    const { key, source, sizeBytes, firstAtMs, delivery, waiting } = claim;
    const { nowMs } = this.#step;
    this.claims.release(claim);
    let slot = this.#step.slotOf(key);
    if (slot >= 0) {
      if (claim.again) this.#setWinner(slot, claim);
      this.#markCertain(key, slot);
    } else if (!this.#isOver(firstAtMs)) slot = this.#add(key, firstAtMs, source, sizeBytes, true);
    if (!claim.again) this.#step.push({ type: "won", source, tookMs: nowMs - firstAtMs });
    if (delivery) this.#step.push({ type: "ack", delivery: delivery.id });
    this.#alternates.onCommitted(key, source);
    if (!waiting) return;
    for (const arrival of waiting) {
      if (slot >= 0) this.#onTwin(slot, key, arrival);
      // The publish took longer than the window; the waiting announcements are twins all the same.
      else this.#step.push({ type: "ack", delivery: arrival.delivery.id });
    }
  }

  #fail(claim: Claim, outcome: PublishOutcome): void {
    this.#step.push({ type: "publish-failed", outcome, routingKey: claim.routingKey });
    if (outcome === "lost") {
      this.#defer(claim);
      return;
    }
    // One queue refused it; others may have accepted it.
    if (outcome === "nacked") claim.doubt = true;
    if (this.claims.retry(claim)) this.#resolve(claim);
    else this.claims.release(claim);
  }

  /** The channel is gone or about to go: the unacked deliveries are decided again once the ledger shows what was published. */
  #defer(claim: Claim): void {
    this.claims.release(claim);
    const { deferred } = this.#catchingUp;
    if (claim.delivery) deferred.push({ ...claim.delivery, redelivered: true });
    for (const { delivery } of claim.waiting ?? []) deferred.push(delivery);
    if (claim.delivery || claim.waiting) this.#catchingUp.startOverLater();
  }

  /** A claim that waits for another attempt may be settled already: by another dispatcher's publish, or by proof of its own. */
  #resolve(claim: Claim): void {
    const { nowMs, table, options } = this.#step;
    const { key, delivery, source, sizeBytes, routingKey } = claim;
    const slot = this.#step.slotOf(key);
    if (slot < 0) return;
    if (!table.isCertain(slot)) {
      // Sent a second time because nobody had the first; or refused by one queue, and nothing will tell by which.
      if (claim.again || (claim.echoed && !options.receipts)) return;
    }
    this.claims.release(claim);
    if (delivery) {
      const suspect = claim.echoed ? { ...delivery, redelivered: true } : delivery;
      this.#onKnown(slot, key, { delivery: suspect, source, sizeBytes, routingKey, atMs: nowMs });
    }
    for (const arrival of claim.waiting ?? []) this.#onKnown(slot, key, { ...arrival, atMs: nowMs });
  }

  /** Already published, but for certain? A delivery that is not a redelivery leaves that question to the one that is. */
  #onKnown(slot: number, key: string, arrival: Arrival): void {
    const { table, options } = this.#step;
    const { redelivered, marks } = arrival.delivery;
    // A repeated announcement asks whether the broker lost a confirmed publish: only a puller can tell.
    const suspect = marks.again ? !table.isPulled(slot) : redelivered && !table.isCertain(slot);
    if (suspect && options.receipts) this.unconfirmed.hold(key, arrival);
    else this.#onTwin(slot, key, arrival);
  }

  #onTwin(slot: number, key: string, arrival: Arrival): void {
    const { table } = this.#step;
    const { delivery, source, sizeBytes } = arrival;
    const firstSource = table.source(slot);
    const leadMs = Math.max(0, arrival.atMs - table.atMs(slot));
    const sizeDiffers = firstSource !== "" && sizeBytes !== table.sizeBytes(slot);
    this.#step.push({ type: "twin", source, firstSource, leadMs, sizeDiffers });
    if (this.#alternates.onTwin(key, arrival)) return;
    if (source !== firstSource && table.twinRef(slot) === 0 && !table.isPulled(slot)) {
      this.#step.push({ type: "keep-twin", key, delivery });
    } else this.#step.push({ type: "ack", delivery: delivery.id });
  }

  /** The product was in the pull queue for certain: deliveries held as unconfirmed are twins. */
  #markCertain(key: string, slot: number): void {
    const { table } = this.#step;
    if (!table.isCertain(slot)) {
      table.setCertain(slot);
      this.#step.push({ type: "remember-certain", key });
    }
    for (const held of this.unconfirmed.settle(key)) this.#onTwin(slot, key, held);
  }

  #add(key: string, atMs: number, source: string, sizeBytes: number, certain: boolean): number {
    const slot = this.#step.table.add(key, atMs, source, sizeBytes, certain);
    this.#step.push({ type: "remember", key, atMs, source, sizeBytes, certain });
    return slot;
  }

  /** Sets whose announcement the product was published with. If that one fails, it is answered with another's. */
  #setWinner(
    slot: number,
    { key, source, sizeBytes }: { readonly key: string } & Pick<Arrival, "source" | "sizeBytes">,
  ): void {
    const { table } = this.#step;
    if (table.source(slot) === source) return;
    table.setSource(slot, source, sizeBytes);
    const certain = table.isCertain(slot);
    this.#step.push({ type: "remember", key, atMs: table.atMs(slot), source, sizeBytes, certain });
  }

  #isOver(atMs: number): boolean {
    return atMs + this.#step.table.windowMs <= this.#step.nowMs;
  }
}
