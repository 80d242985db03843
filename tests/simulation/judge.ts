import type { Effect, Event, LedgerRecord } from "../../agents/dispatcher/events.ts";
import type { CoreUnderTest } from "./core-under-test.ts";
import type { Counts } from "./counts.ts";
import type { Judged } from "./judged.ts";
import { isIn, isInAny, type Message, type Mode, productOf, productsMax, queueNumber, queuesASide } from "./message.ts";

/** A broken rule, described in its message. */
export class Violation extends Error {}

export interface Rules {
  readonly mode: Mode;
  readonly windowMs: number;
  /** Difference of clocks, plus the rounding of stamps to seconds. Closer than this to a window's end nothing is judged. */
  readonly toleranceMs: number;
  /** Limit of a table. */
  readonly entriesBound: number;
  /** How long an unconfirmed product is held, unless there are more than `doubtsMax`. */
  readonly doubtMs: number;
  readonly doubtsMax: number;
  /** How long a host may stay subscribed after the address has left, and how long a publish may wait for its outcome. */
  readonly giveUpMs: number;
  readonly confirmTimeoutMs: number;
  /** How long a request waits for a twin. */
  readonly alternateWaitMs: number;
  /** Announcers repeat announcements that were confirmed within this time before the loss of a connection. */
  readonly keepMs: number;
  /** Brokers may be partitioned, and one of them may lose confirmed messages. */
  readonly partitions: boolean;
  /** Whether that source's products can be fetched; undefined if that is random. */
  readonly isAlive: ((source: number) => boolean) | undefined;
}

interface Publication {
  readonly message: Message;
  /** `held`: marked after it was held as unconfirmed; `unseen`: marked as a redelivery that the ledger has not shown. */
  readonly how: "plain" | "held" | "unseen";
  readonly redelivered: boolean;
  /** How often its author's host had dropped its claims. */
  readonly losses: number;
  /** Numbers of this product's publishes in the author's ledger queue at the time of the decision. */
  readonly visible: readonly number[];
  /** Start of its window. A repeat keeps the window of the publish that it repeats. */
  readonly windowFromMs: number;
}

interface Owed {
  readonly message: Message;
  readonly host: string;
}

const listsByProduct = <T>(): T[][] => Array.from({ length: productsMax }, () => []);

/** Observes everything, and throws a `Violation` for a broken rule. */
export class Judge {
  readonly #counts: Counts;
  readonly #rules: Rules;
  readonly #published = listsByProduct<Publication>();
  /** Announced twins. Pulling one delivers the product too. */
  readonly #twins = listsByProduct<Message>();
  /** Announcements of each product in the input queue or unacknowledged. */
  readonly #open = Array.from({ length: productsMax }, () => new Set<Message>());
  readonly #owed: Owed[] = [];
  readonly #requests: Message[] = [];
  /** All announcements. */
  readonly #announced: Message[] = [];
  /** By author and product: stamp of the newest receipt that this process has read. */
  readonly #receipts = new Map<number, number>();
  /** By author and product: this process has held it as unconfirmed. */
  readonly #held = new Set<number>();
  /** By author and product: stamp of the publish whose twin this process announced with a confirm. */
  readonly #served = new Map<number, number>();

  /** End of the last partition. */
  #joinedAtMs = Number.NEGATIVE_INFINITY;

  constructor(rules: Rules, counts: Counts) {
    this.#rules = rules;
    this.#counts = counts;
  }

  announced(message: Message): void {
    this.#open[message.product]?.add(message);
    this.#announced.push(message);
  }

  onEffect(host: Judged, effect: Effect): void {
    if (effect.type === "doubt") this.#held.add(host.author * productsMax + productOf(effect.key));
    if (effect.type !== "doubt-settled" || effect.how === "receipt") return;
    const { doubtMs, doubtsMax } = this.#rules;
    if (effect.heldMs >= doubtMs || host.deliveriesInHand > doubtsMax) return;
    throw new Violation(`${host.name} releases an unconfirmed product after ${effect.heldMs} ms, before the limit`);
  }

  /** `redelivered`: its announcement was a redelivery. */
  decided(host: Judged, message: Message, redelivered: boolean): void {
    if (message.kind === "twin") {
      this.#checkServe(host, message);
      this.#twins[message.product]?.push(message);
    }
    if (message.kind !== "notify") return;
    const place = message.author * productsMax + message.product;
    const how = message.doubt ? (this.#held.has(place) ? "held" : "unseen") : "plain";
    const list = this.#published[message.product] ?? [];
    const ledger = queueNumber.ledgerOf(message.host);
    const visible = list.filter((each) => isInAny(each.message, ledger)).map((each) => each.message.number);
    let windowFromMs = message.stampMs;
    for (const each of list)
      if (this.#isWithin(message, each)) windowFromMs = Math.min(windowFromMs, each.windowFromMs);
    list.push({ message, how, redelivered, losses: host.losses, visible, windowFromMs });
    if (how === "held") this.#checkUnconfirmed(host, message);
    if (message.doubt) this.#counts.doubts++;
  }

  /** A dispatcher gets the confirm of its publish. */
  confirmed(message: Message): void {
    // After the request's own announcement the twin is still due.
    if (message.kind !== "twin" || message.lastRound || message.losingSinceMs !== undefined) return;
    const newest = this.#published[message.product]?.at(-1);
    if (newest) this.#served.set(message.author * productsMax + message.product, newest.message.stampMs);
  }

  landed(queue: number, message: Message): void {
    if (queue % queuesASide !== queueNumber.pull) return;
    if (message.kind === "twin") this.#counts.twinsOut++;
    if (message.kind !== "notify") return;
    this.#counts.arrivals++;
    const list = this.#published[message.product] ?? [];
    const own = list.find((each) => each.message === message);
    for (const other of list) {
      if (!own || other === own || !isInAny(other.message, queueNumber.pull)) continue;
      if (other.message.number < message.number) this.#checkPair(other, own);
      else this.#checkPair(own, other);
    }
  }

  acked(host: Judged, message: Message): void {
    if (message.kind !== "announcement") return;
    const { product } = message;
    const open = this.#open[product];
    const others = (open?.size ?? 0) - (open?.has(message) ? 1 : 0);
    let started = false;
    for (const publish of this.#published[product] ?? []) {
      if (!this.#covers(publish.message, message)) continue;
      if (isInAny(publish.message, queueNumber.pull)) {
        // A partition may still discard one side's publish.
        if (this.#rules.partitions) this.#owed.push({ message, host: host.name });
        return;
      }
      // Atomic: if one queue has it, the others will. Publishes in flight on the losing side are lost, and announced again.
      started ||= this.#rules.mode === "atomic" && publish.message.landed !== 0;
      started ||= publish.message.losingSinceMs !== undefined;
    }
    if (this.#isTwinOut(message)) return;
    if (!started && others === 0) throw new Violation(`${host.name} acks product ${product} before its publish`);
    this.#owed.push({ message, host: host.name });
  }

  /** An input queue has read the ack. */
  gone(message: Message): void {
    message.copies--;
    if (message.copies === 0) this.#open[message.product]?.delete(message);
  }

  /** A partition ends. */
  joined(nowMs: number): void {
    this.#joinedAtMs = nowMs;
  }

  /** The losing side had the message in that queue. Its loss must make no difference in the end. */
  discarded(queue: number, message: Message): void {
    if (!isIn(message, queue)) this.#counts.discarded++;
    if (queue !== queueNumber.input) return;
    this.gone(message);
    if (message.kind !== "announcement" || message.copies > 0) return;
    this.#owed.push({ message, host: "a lost broker" });
  }

  /** A puller's request is confirmed. */
  requested(request: Message): void {
    this.#requests.push(request);
  }

  /** A puller dead-letters a twin that it could not fetch either. */
  twinDeadLettered(twin: Message): void {
    this.#counts.deadTwins++;
    if (twin.text === "") throw new Violation(`product ${twin.product} is dead-lettered without the first reason`);
  }

  deadLettered(host: Judged, message: Message, reason: string): void {
    this.#counts.deadLetters++;
    if (message.kind === "announcement") {
      throw new Violation(`${host.name} dead-letters valid product ${message.product}: ${reason}`);
    }
  }

  settledTwice(host: Judged, delivery: number): void {
    throw new Violation(`${host.name} settles delivery ${delivery}, which it doesn't hold`);
  }

  readFromLedger(host: Judged, record: LedgerRecord): void {
    if (record.kind !== "pulled" || record.atMs === undefined) return;
    const place = host.author * productsMax + productOf(record.key);
    this.#receipts.set(place, Math.max(record.atMs, this.#receipts.get(place) ?? 0));
  }

  afterHandling(host: Judged, core: CoreUnderTest, event: Event, nowMs: number): void {
    if (event.type === "tick") this.#checkDeadlines(host, nowMs);
    if (core.entries <= this.#rules.entriesBound) return;
    const { entriesBound } = this.#rules;
    throw new Violation(`${host.name} holds ${core.entries} entries after ${event.type}, more than ${entriesBound}`);
  }

  /** A dispatcher must close its channel if it can't settle in time, because another one will become active. */
  #checkDeadlines(host: Judged, nowMs: number): void {
    const { giveUpMs, confirmTimeoutMs } = this.#rules;
    const { connection } = host;
    if (!host.believes && connection.isSubscribed && nowMs - host.believedUntilMs > giveUpMs) {
      throw new Violation(`${host.name} is still subscribed ${nowMs - host.believedUntilMs} ms after the address left`);
    }
    const sinceMs = Math.max(connection.oldestPublishMs, host.confirmsTimedFromMs);
    if (!host.isBlocked && nowMs - sinceMs > confirmTimeoutMs) {
      throw new Violation(`${host.name} has waited ${nowMs - sinceMs} ms for a confirm`);
    }
  }

  /** At rest: each product acked before its publish must be out, and no announcement may be left. */
  atRest(): void {
    const lost = new Set(this.#announced.filter((each) => this.#isLost(each)).map(({ product }) => product));
    for (const { message, host } of this.#owed) {
      const publishes = this.#published[message.product] ?? [];
      if (publishes.some((each) => this.#covers(each.message, message) && isOut(each.message))) continue;
      if (this.#isTwinOut(message)) continue;
      if (lost.has(message.product)) continue;
      throw new Violation(`product ${message.product} was acked by ${host} and never published`);
    }
    for (const request of this.#requests) this.#checkRequest(request);
    for (const message of this.#announced) if (!lost.has(message.product)) this.#checkArrival(message);
    for (const [product, open] of this.#open.entries()) {
      if (open.size > 0) throw new Violation(`${open.size} announcements of product ${product} are lost`);
    }
  }

  /** The announcement came within the publish's window, or before the publish was in all queues. */
  #covers(publish: Message, announcement: Message): boolean {
    if (announcement.decidedAtMs <= publish.doneAtMs) return true;
    return announcement.decidedAtMs < publish.stampMs + this.#rules.windowMs + this.#rules.toleranceMs;
  }

  /** A broker may have lost it and nobody repeats it: its announcer is dead, or its confirm is too old. */
  #isLost({ source, stampMs }: Message): boolean {
    const { partitions, isAlive, keepMs } = this.#rules;
    return partitions && (isAlive?.(source) === false || this.#joinedAtMs - stampMs > keepMs);
  }

  #isTwinOut(announcement: Message): boolean {
    const twins = this.#twins[announcement.product] ?? [];
    return twins.some((twin) => this.#covers(twin, announcement) && isOut(twin));
  }

  /** A request must be answered by a twin, by the failed announcement again, or by the product itself. */
  #checkRequest(request: Message): void {
    if (this.#rules.partitions) return;
    const { product, decidedAtMs, stampMs } = request;
    // It may wait for long: a full table accepts no requests.
    const isNear = (message: Message): boolean =>
      message.stampMs === stampMs || message.decidedAtMs > decidedAtMs - this.#rules.windowMs;
    if (this.#twins[product]?.some((twin) => isOut(twin) && isNear(twin))) return;
    if (this.#published[product]?.some(({ message }) => message.placed && isNear(message))) return;
    throw new Violation(`a request for product ${product} was never answered`);
  }

  /** Each product that a live server has announced must have been fetched, from that server or the other. */
  #checkArrival(announcement: Message): void {
    const { isAlive } = this.#rules;
    const { product, source } = announcement;
    if (!isAlive?.(source) || this.#wasAskedForLate(announcement)) return;
    const all = [...(this.#published[product] ?? []).map(({ message }) => message), ...(this.#twins[product] ?? [])];
    if (all.some((message) => message.placed && this.#covers(message, announcement))) return;
    throw new Violation(`product ${product} never arrived, though a server has it`);
  }

  /** Near the window's end twins may expire before the end of a request's wait. */
  #wasAskedForLate(announcement: Message): boolean {
    const { windowMs, alternateWaitMs, toleranceMs } = this.#rules;
    const { product } = announcement;
    for (const { message, windowFromMs } of this.#published[product] ?? []) {
      if (!this.#covers(message, announcement)) continue;
      const lateMs = windowFromMs + windowMs - 2 * alternateWaitMs - toleranceMs;
      const isLate = (each: Message): boolean => each.product === product && each.decidedAtMs >= lateMs;
      if (this.#requests.some(isLate) || this.#twins[product]?.some(isLate)) return true;
    }
    return false;
  }

  /** Decided before the end of the publication's window, beyond the tolerance. */
  #isWithin(message: Message, first: Publication): boolean {
    const { windowMs, toleranceMs } = this.#rules;
    return message.decidedAtMs < first.windowFromMs + windowMs - toleranceMs;
  }

  /** Both publishes have been in the pull queue: they must be allowed duplicates. */
  #checkPair(first: Publication, second: Publication): void {
    const { mode } = this.#rules;
    const { message, how, visible } = second;
    if (!this.#isWithin(message, first)) return;
    if (couldNotKnow(first.message, message)) {
      this.#counts.twiceParted++;
      return;
    }
    const unseen = mode === "partial" && !visible.includes(first.message.number);
    // After a redelivery a process must not trust the ledger, and after one queue's refusal not the other queues.
    // A process forgets refusals with its connection; then the redelivery is the sign.
    const refused = first.message.author === message.author && first.message.refusalHeard === second.losses;
    const unsuspected = !second.redelivered && !refused;
    if (how === "held") this.#counts.twiceInDoubt++;
    else if (mode === "partial" && first.message.refused && (how === "unseen" || unsuspected)) {
      this.#counts.twiceRefused++;
    } else if (unseen && how === "unseen") this.#counts.twiceUnseen++;
    else if (unseen && unsuspected && !isIn(first.message, queueNumber.ledgerOf(message.host))) {
      this.#counts.twiceUnmarked++;
    } else {
      const numbers = `messages ${first.message.number} and ${message.number}`;
      throw new Violation(`product ${message.product} is published twice (${numbers}, ${how})`);
    }
  }

  /** A product held as unconfirmed may be published again only if this process has seen no receipt for it. */
  #checkUnconfirmed(host: Judged, message: Message): void {
    const receiptMs = this.#receipts.get(message.author * productsMax + message.product);
    const pulled = this.#published[message.product]?.find((each) => each.message.stampMs === receiptMs);
    if (!pulled || !this.#isWithin(message, pulled)) return;
    throw new Violation(`${host.name} publishes product ${message.product} as unconfirmed, despite a receipt`);
  }

  /** After the confirm of a twin, a process announces no twin of that product again within the window. */
  #checkServe(host: Judged, message: Message): void {
    const stampMs = this.#served.get(message.author * productsMax + message.product);
    const { windowMs, toleranceMs } = this.#rules;
    if (stampMs === undefined || message.decidedAtMs >= stampMs + windowMs - toleranceMs) return;
    throw new Violation(`${host.name} announces a twin of product ${message.product} again`);
  }
}

/** In the pull queue for good, or fetched. */
function isOut(message: Message): boolean {
  return message.placed || isIn(message, queueNumber.pull);
}

/** The first publish or its records were lost with the losing side, or the second publisher was on the other side. */
function couldNotKnow(first: Message, second: Message): boolean {
  if (first.losingSinceMs !== undefined) return first.losingSinceMs !== second.losingSinceMs;
  return second.losingSinceMs !== undefined && first.doneAtMs >= second.losingSinceMs;
}
