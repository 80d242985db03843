import type { PublishOutcome } from "../lib/publisher.ts";
import type { Alternates } from "./alternates.ts";
import type { CatchingUp } from "./catching-up.ts";
import { type Arrival, type Claim, Claims } from "./claims.ts";
import type { LedgerRecord } from "./events.ts";
import { roundingMs, type Step } from "./step.ts";
import { UnconfirmedDeliveries } from "./unconfirmed.ts";

/**
 * Whether the table has room. `full`: what was to be decided is kept aside, a record of the ledger is not taken and has
 * to come again; nothing more may be accepted until there is room.
 */
export type Room = "room" | "full";

/**
 * What becomes of each product's announcements: the first is published, and acked when that is confirmed; whoever comes while it
 * is under way waits for its outcome; whoever comes later is a twin, unless it is not sure that the first got through.
 */
export class Products {
  readonly claims: Claims;
  readonly doubts: UnconfirmedDeliveries;
  readonly #turn: Step;
  readonly #catchingUp: CatchingUp;
  readonly #alternates: Alternates;

  constructor(turn: Step, catchingUp: CatchingUp, alternates: Alternates) {
    this.#turn = turn;
    this.#catchingUp = catchingUp;
    this.#alternates = alternates;
    this.claims = new Claims(turn);
    this.doubts = new UnconfirmedDeliveries(turn);
  }

  /** Products known, and on their way. */
  get entries(): number {
    return this.#turn.table.size + this.claims.size;
  }

  get #hasRoom(): boolean {
    return this.entries < this.#turn.options.entriesMax;
  }

  /** Decides about an announcement. */
  take(key: string, arrival: Arrival): Room {
    const claim = this.claims.get(key);
    if (claim) {
      claim.waiting ??= [];
      claim.waiting.push(arrival);
      return "room";
    }
    const slot = this.#turn.slotOf(key);
    if (slot >= 0) {
      this.#known(slot, key, arrival);
      return "room";
    }
    if (!this.#hasRoom) {
      this.#catchingUp.aside.push(arrival.delivery);
      return "full";
    }
    // One that was given out or announced before may be out all the same, where a node died before our ledger had it.
    const { redelivered, marks } = arrival.delivery;
    this.claims.open(key, arrival, arrival.atMs, redelivered || marks.again === true, false);
    return "room";
  }

  /** False where the outcome was of no claim. */
  onOutcome(id: number, outcome: PublishOutcome): boolean {
    const claim = this.claims.settle(id);
    if (!claim) return false;
    if (outcome === "confirmed") this.#commit(claim);
    else this.#fail(claim, outcome);
    return true;
  }

  /** A product is out, says the ledger. */
  onPublished(record: Extract<LedgerRecord, { kind: "published" }>): Room {
    const { key, source, sizeBytes, ours } = record;
    const { nowMs } = this.#turn;
    const claim = this.claims.get(key);
    if (claim && ours) claim.echoed = true;
    const slot = this.#turn.slotOf(key);
    if (slot >= 0) {
      if (!ours) this.#alternates.onAnew(key, slot);
      this.#as(slot, record);
    } else {
      // A clock that is ahead must not make it last longer than by ours.
      const atMs = claim && ours ? claim.firstAtMs : Math.min(record.atMs, nowMs);
      if (this.#isOver(atMs)) return "room";
      if (!claim && !this.#hasRoom) return "full";
      this.#add(key, atMs, source, sizeBytes, false);
    }
    if (claim && claim.id === 0) this.#resolve(claim);
    return "room";
  }

  /** A puller has it. */
  onPulled({ key, atMs: saidMs }: Extract<LedgerRecord, { kind: "pulled" }>): Room {
    const { nowMs, options } = this.#turn;
    // Without a time it may be of a publish long ago, and proves nothing.
    if (!options.receipts || saidMs === undefined) return "room";
    const atMs = Math.min(saidMs, nowMs);
    this.doubts.sawPulled(atMs);
    // Of an earlier publish than the one known here it proves as much, while that one's window lasts.
    if (this.#isOver(atMs - roundingMs)) return "room";
    const claim = this.claims.get(key);
    let slot = this.#turn.slotOf(key);
    if (slot < 0) {
      // Its publish did not get into our ledger, or comes behind.
      if (!claim && !this.#hasRoom) return "full";
      slot = this.#add(key, atMs, claim?.source ?? "", claim?.sizeBytes ?? 0, true);
    }
    // First, so that no twin is kept any more.
    this.#alternates.onPulled(key);
    this.#prove(key, slot);
    if (claim && claim.id === 0) this.#resolve(claim);
    return "room";
  }

  /** A puller has had its announcement, and can't fetch it: that was in the pull queue. */
  onRequestSeen({ key, atMs }: Extract<LedgerRecord, { kind: "request" }>): void {
    const { options } = this.#turn;
    const slot = this.#turn.slotOf(key);
    if (!options.receipts || slot < 0 || atMs === undefined || this.#isOver(atMs - roundingMs)) return;
    this.#prove(key, slot);
    const claim = this.claims.get(key);
    if (claim && claim.id === 0) this.#resolve(claim);
  }

  /** Publishes what fell due until `dueMs`, as far as there is room. */
  sendDue(dueMs: number): Room {
    const { options, table, nowMs } = this.#turn;
    this.claims.sendDue(dueMs);
    for (;;) {
      const key = this.claims.sent < options.publishingMax ? this.doubts.due(dueMs) : undefined;
      const held = key === undefined ? undefined : this.doubts.giveUp(key);
      if (key === undefined || !held) return "room";
      const slot = this.#turn.slotOf(key);
      const [first, ...others] = held;
      if (slot >= 0) {
        this.#alternates.onAnew(key, slot);
        this.#as(slot, { key, ...first });
        this.claims.open(key, first, table.atMs(slot), true, true);
      }
      // The others wait for the first one's outcome. Of a product that is forgotten by now, that is claimed here, too.
      const rest = slot >= 0 ? others : held;
      const rooms = rest.map((arrival) => this.take(key, { ...arrival, atMs: nowMs }));
      if (rooms.includes("full")) return "full";
    }
  }

  hasDue(dueMs: number): boolean {
    return this.claims.hasDue(dueMs) || this.doubts.due(dueMs) !== undefined;
  }

  forgetDeliveries(): void {
    this.claims.forgetDeliveries();
    this.doubts.forgetDeliveries();
  }

  giveBack(): void {
    this.claims.giveBack();
    this.doubts.giveBack();
  }

  /** The product is out: from here on its twins are only counted. */
  #commit(claim: Claim): void {
    const { key, source, sizeBytes, firstAtMs, delivery, waiting } = claim;
    const { nowMs } = this.#turn;
    this.claims.release(claim);
    let slot = this.#turn.slotOf(key);
    if (slot >= 0) {
      if (claim.again) this.#as(slot, claim);
      this.#prove(key, slot);
    } else if (!this.#isOver(firstAtMs)) slot = this.#add(key, firstAtMs, source, sizeBytes, true);
    if (!claim.again) this.#turn.push({ type: "won", source, tookMs: nowMs - firstAtMs });
    if (delivery) this.#turn.push({ type: "ack", delivery: delivery.id });
    this.#alternates.onCommitted(key, source);
    if (!waiting) return;
    for (const arrival of waiting) {
      if (slot >= 0) this.#twin(slot, key, arrival);
      // It took as long as the window: what waited is a twin of it all the same.
      else this.#turn.push({ type: "ack", delivery: arrival.delivery.id });
    }
  }

  #fail(claim: Claim, outcome: PublishOutcome): void {
    this.#turn.push({ type: "publish-failed", outcome, routingKey: claim.routingKey });
    if (outcome === "lost") {
      this.#putBack(claim);
      return;
    }
    // One queue refused it; others may have it.
    if (outcome === "nacked") claim.doubt = true;
    if (this.claims.retry(claim)) this.#resolve(claim);
    else this.claims.release(claim);
  }

  /** The channel is gone, or about to be: what is still in hand is decided anew, when the ledger tells what went out. */
  #putBack(claim: Claim): void {
    this.claims.release(claim);
    const { aside } = this.#catchingUp;
    if (claim.delivery) aside.push({ ...claim.delivery, redelivered: true });
    for (const { delivery } of claim.waiting ?? []) aside.push(delivery);
    if (claim.delivery || claim.waiting) this.#catchingUp.startOverLater();
  }

  /** A claim that waits for another attempt may have been overtaken: by another's publish, or by proof of its own. */
  #resolve(claim: Claim): void {
    const { nowMs, table, options } = this.#turn;
    const { key, delivery, source, sizeBytes, routingKey } = claim;
    const slot = this.#turn.slotOf(key);
    if (slot < 0) return;
    if (!table.isCertain(slot)) {
      // Sent for the second time because nobody had the first; or refused by one queue, and nothing will tell by which.
      if (claim.again || (claim.echoed && !options.receipts)) return;
    }
    this.claims.release(claim);
    if (delivery) {
      const suspect = claim.echoed ? { ...delivery, redelivered: true } : delivery;
      this.#known(slot, key, { delivery: suspect, source, sizeBytes, routingKey, atMs: nowMs });
    }
    for (const arrival of claim.waiting ?? []) this.#known(slot, key, { ...arrival, atMs: nowMs });
  }

  /** Out already. Is it certain? A delivery that was not given out before leaves the question to the one that was. */
  #known(slot: number, key: string, arrival: Arrival): void {
    const { table, options } = this.#turn;
    const { redelivered, marks } = arrival.delivery;
    // One that is announced again asks whether the broker has lost what it confirmed: only a puller can tell.
    const suspect = marks.again ? !table.isPulled(slot) : redelivered && !table.isCertain(slot);
    if (suspect && options.receipts) this.doubts.hold(key, arrival);
    else this.#twin(slot, key, arrival);
  }

  #twin(slot: number, key: string, arrival: Arrival): void {
    const { table } = this.#turn;
    const { delivery, source, sizeBytes } = arrival;
    const firstSource = table.source(slot);
    const leadMs = Math.max(0, arrival.atMs - table.atMs(slot));
    const sizeDiffers = firstSource !== "" && sizeBytes !== table.sizeBytes(slot);
    this.#turn.push({ type: "twin", source, firstSource, leadMs, sizeDiffers });
    if (this.#alternates.onTwin(key, arrival)) return;
    if (source !== firstSource && table.twinRef(slot) === 0 && !table.isPulled(slot)) {
      this.#turn.push({ type: "keep-twin", key, delivery });
    } else this.#turn.push({ type: "ack", delivery: delivery.id });
  }

  /** It was in the pull queue, for certain: whoever was held in doubt is a twin. */
  #prove(key: string, slot: number): void {
    const { table } = this.#turn;
    if (!table.isCertain(slot)) {
      table.setCertain(slot);
      this.#turn.push({ type: "remember-certain", key });
    }
    for (const held of this.doubts.settle(key)) this.#twin(slot, key, held);
  }

  #add(key: string, atMs: number, source: string, sizeBytes: number, certain: boolean): number {
    const slot = this.#turn.table.add(key, atMs, source, sizeBytes, certain);
    this.#turn.push({ type: "remember", key, atMs, source, sizeBytes, certain });
    return slot;
  }

  /** Whose announcement it is out as: that one's failure is answered with another's. */
  #as(
    slot: number,
    { key, source, sizeBytes }: { readonly key: string } & Pick<Arrival, "source" | "sizeBytes">,
  ): void {
    const { table } = this.#turn;
    if (table.source(slot) === source) return;
    table.setSource(slot, source, sizeBytes);
    const certain = table.isCertain(slot);
    this.#turn.push({ type: "remember", key, atMs: table.atMs(slot), source, sizeBytes, certain });
  }

  #isOver(atMs: number): boolean {
    return atMs + this.#turn.table.windowMs <= this.#turn.nowMs;
  }
}
