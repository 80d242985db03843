import type { Effect, Event, LedgerRecord } from "../../agents/dispatcher/events.ts";
import type { CoreUnderTest } from "./core-under-test.ts";
import type { Counts } from "./counts.ts";
import type { Judged } from "./judged.ts";
import { isIn, isInAny, type Message, type Mode, productOf, productsMax, queueNumber, queuesASide } from "./message.ts";

/** Something that must never be; its message says what. */
export class Violation extends Error {}

export interface Rules {
  readonly mode: Mode;
  readonly windowMs: number;
  /** Clocks differ by so much, and stamps are whole seconds: nearer to a window's end than this nothing is judged. */
  readonly toleranceMs: number;
  /** No table ever holds more. */
  readonly entriesBound: number;
  /** So long is a doubt held, unless there are too many. */
  readonly doubtMs: number;
  readonly doubtsMax: number;
  /** So long after the address left a host may still be subscribed, and so long may a publish go without an answer. */
  readonly giveUpMs: number;
  readonly confirmTimeoutMs: number;
  /** So long does a request wait for a twin. */
  readonly alternateWaitMs: number;
  /** Announcers announce again what was confirmed within that time before they lost a connection. */
  readonly keepMs: number;
  /** The brokers may part, and one of them lose what it has confirmed. */
  readonly parts: boolean;
  /** What that source announced can be fetched; undefined where that is a matter of chance. */
  readonly lives: ((source: number) => boolean) | undefined;
}

interface Publication {
  readonly message: Message;
  /** `held`: marked, after it was held in doubt; `unseen`: marked, as a redelivery of something that the ledger has not shown. */
  readonly how: "plain" | "held" | "unseen";
  readonly redelivered: boolean;
  /** Times that its author's host had forgotten what it had claimed. */
  readonly losses: number;
  /** Numbers of the publishes of this product that the author's ledger queue had when it decided. */
  readonly visible: readonly number[];
  /** Its window counts from here: of one that repeats another, which may have got nowhere, the window is that one's. */
  readonly windowFromMs: number;
}

interface Owed {
  readonly message: Message;
  readonly host: string;
}

const listsByProduct = <T>(): T[][] => Array.from({ length: productsMax }, () => []);

/** Sees everything that happens, and says what must not. */
export class Judge {
  readonly #counts: Counts;
  readonly #rules: Rules;
  readonly #published = listsByProduct<Publication>();
  /** Twins announced: whoever pulls one has the product too. */
  readonly #twins = listsByProduct<Message>();
  /** Announcements of each product that are in the input queue, or in hand. */
  readonly #open = Array.from({ length: productsMax }, () => new Set<Message>());
  readonly #owed: Owed[] = [];
  readonly #requests: Message[] = [];
  /** All announcements. */
  readonly #announced: Message[] = [];
  /** By author and product: stamp of the newest receipt that this process was told of. */
  readonly #receipts = new Map<number, number>();
  /** By author and product: held in doubt by this process, at least once. */
  readonly #held = new Set<number>();
  /** By author and product: stamp of the publish whose twin this process announced, and was told that it is out. */
  readonly #served = new Map<number, number>();

  /** When parted brokers met for the last time. */
  #metAtMs = Number.NEGATIVE_INFINITY;

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
    throw new Violation(`${host.name} gives a doubt up after ${effect.heldMs} ms`);
  }

  /** `redelivered`: what it announces had been given out before. */
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
    if (how === "held") this.#checkDoubt(host, message);
    if (message.doubt) this.#counts.doubts++;
  }

  /** A dispatcher is told that a publish of its own is out. */
  confirmed(message: Message): void {
    // After a request's own announcement the twin is still owed.
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
        // One side's may yet be thrown away.
        if (this.#rules.parts) this.#owed.push({ message, host: host.name });
        return;
      }
      // All or nothing: what one queue has, the others have or will have. What the losing side had on its way is gone, and is announced again.
      started ||= this.#rules.mode === "atomic" && publish.message.landed !== 0;
      started ||= publish.message.losingSinceMs !== undefined;
    }
    if (this.#isTwinOut(message)) return;
    if (!started && others === 0) throw new Violation(`${host.name} acks product ${product} before it is out`);
    this.#owed.push({ message, host: host.name });
  }

  /** An input queue has read the ack. */
  gone(message: Message): void {
    message.copies--;
    if (message.copies === 0) this.#open[message.product]?.delete(message);
  }

  /** Parted brokers meet: what only one of them had is thrown away. */
  met(nowMs: number): void {
    this.#metAtMs = nowMs;
  }

  /** The side that lost had it in that queue: whatever it was, it must make no difference in the end. */
  thrownAway(queue: number, message: Message): void {
    if (!isIn(message, queue)) this.#counts.thrownAway++;
    if (queue !== queueNumber.input) return;
    this.gone(message);
    if (message.kind !== "announcement" || message.copies > 0) return;
    this.#owed.push({ message, host: "a lost broker" });
  }

  /** A puller's request is out. */
  requested(request: Message): void {
    this.#requests.push(request);
  }

  /** A puller puts a twin aside that it could not fetch either. */
  gaveUp(twin: Message): void {
    this.#counts.putAside++;
    if (twin.text === "") throw new Violation(`product ${twin.product} is put aside, and the first reason is not told`);
  }

  deadLettered(host: Judged, message: Message, reason: string): void {
    this.#counts.deadLetters++;
    if (message.kind === "announcement") {
      throw new Violation(
        `${host.name} puts product ${message.product} aside, and nothing is wrong with it: ${reason}`,
      );
    }
  }

  settledTwice(host: Judged, delivery: number): void {
    throw new Violation(`${host.name} settles delivery ${delivery}, which is not its own (any more)`);
  }

  toldByLedger(host: Judged, record: LedgerRecord): void {
    if (record.kind !== "pulled" || record.atMs === undefined) return;
    const place = host.author * productsMax + productOf(record.key);
    this.#receipts.set(place, Math.max(record.atMs, this.#receipts.get(place) ?? 0));
  }

  afterHandling(host: Judged, core: CoreUnderTest, event: Event, nowMs: number): void {
    if (event.type === "tick") this.#checkPatience(host, nowMs);
    if (core.entries <= this.#rules.entriesBound) return;
    const { entriesBound } = this.#rules;
    throw new Violation(`${host.name} holds ${core.entries} entries after ${event.type}, ${entriesBound} at most`);
  }

  /** What is not settled in time must die with its channel: others are let in sooner or later. */
  #checkPatience(host: Judged, nowMs: number): void {
    const { giveUpMs, confirmTimeoutMs } = this.#rules;
    const { connection } = host;
    if (!host.believes && connection.isSubscribed && nowMs - host.believedUntilMs > giveUpMs) {
      throw new Violation(`${host.name} is still subscribed ${nowMs - host.believedUntilMs} ms after the address left`);
    }
    const sinceMs = Math.max(connection.oldestPublishMs, host.patientFromMs);
    if (!host.isBlocked && nowMs - sinceMs > confirmTimeoutMs) {
      throw new Violation(`${host.name} waits for a confirm for ${nowMs - sinceMs} ms`);
    }
  }

  /** When all is at rest: what was acked on trust must have come out, and no announcement is left. */
  atRest(): void {
    const unsaid = new Set(this.#announced.filter((each) => this.#isUnsaid(each)).map(({ product }) => product));
    for (const { message, host } of this.#owed) {
      const publishes = this.#published[message.product] ?? [];
      if (publishes.some((each) => this.#covers(each.message, message) && isOut(each.message))) continue;
      if (this.#isTwinOut(message)) continue;
      if (unsaid.has(message.product)) continue;
      throw new Violation(`product ${message.product} never came out: ${host} had acked it`);
    }
    for (const request of this.#requests) this.#checkRequest(request);
    for (const message of this.#announced) if (!unsaid.has(message.product)) this.#checkArrival(message);
    for (const [product, open] of this.#open.entries()) {
      if (open.size > 0) throw new Violation(`${open.size} announcements of product ${product} are nowhere`);
    }
  }

  /** The announcement came within the window of that publish, or before it was out everywhere. */
  #covers(publish: Message, announcement: Message): boolean {
    if (announcement.decidedAtMs <= publish.doneAtMs) return true;
    return announcement.decidedAtMs < publish.stampMs + this.#rules.windowMs + this.#rules.toleranceMs;
  }

  /** Nobody announces it again though a broker has lost it: its announcer is dead, or had confirmed it too long before. */
  #isUnsaid({ source, stampMs }: Message): boolean {
    const { parts, lives, keepMs } = this.#rules;
    return parts && (lives?.(source) === false || this.#metAtMs - stampMs > keepMs);
  }

  #isTwinOut(announcement: Message): boolean {
    const twins = this.#twins[announcement.product] ?? [];
    return twins.some((twin) => this.#covers(twin, announcement) && isOut(twin));
  }

  /** A puller's request has been answered: by a twin, the failed announcement once more, or the product itself. */
  #checkRequest(request: Message): void {
    if (this.#rules.parts) return;
    const { product, decidedAtMs, stampMs } = request;
    // It may wait for long: while a table is full, no requests are taken.
    const isNear = (message: Message): boolean =>
      message.stampMs === stampMs || message.decidedAtMs > decidedAtMs - this.#rules.windowMs;
    if (this.#twins[product]?.some((twin) => isOut(twin) && isNear(twin))) return;
    if (this.#published[product]?.some(({ message }) => message.placed && isNear(message))) return;
    throw new Violation(`a request for product ${product} is forgotten`);
  }

  /** What a server that lives has announced has been fetched: of that server or another. */
  #checkArrival(announcement: Message): void {
    const { lives } = this.#rules;
    const { product, source } = announcement;
    if (!lives?.(source) || this.#wasAskedForLate(announcement)) return;
    const all = [...(this.#published[product] ?? []).map(({ message }) => message), ...(this.#twins[product] ?? [])];
    if (all.some((message) => message.placed && this.#covers(message, announcement))) return;
    throw new Violation(`product ${product} never arrived, and a server has it`);
  }

  /** Near the window's end twins are forgotten before a request has waited for one. */
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

  /** Decided clearly before the window of that publication was over. */
  #isWithin(message: Message, first: Publication): boolean {
    const { windowMs, toleranceMs } = this.#rules;
    return message.decidedAtMs < first.windowFromMs + windowMs - toleranceMs;
  }

  /** Both are in the pull queue. */
  #checkPair(first: Publication, second: Publication): void {
    const { mode } = this.#rules;
    const { message, how, visible } = second;
    if (!this.#isWithin(message, first)) return;
    if (couldNotKnow(first.message, message)) {
      this.#counts.twiceParted++;
      return;
    }
    const unseen = mode === "partial" && !visible.includes(first.message.number);
    // Who was given it again must doubt what the ledger shows; who was refused by one queue must doubt the others.
    // With its connection a process forgets what it was refused: the redelivery tells.
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

  /** Held in doubt, a product goes out again only while this process has seen no receipt for it. */
  #checkDoubt(host: Judged, message: Message): void {
    const receiptMs = this.#receipts.get(message.author * productsMax + message.product);
    const pulled = this.#published[message.product]?.find((each) => each.message.stampMs === receiptMs);
    if (!pulled || !this.#isWithin(message, pulled)) return;
    throw new Violation(`${host.name} publishes product ${message.product} in doubt, and had a receipt for it`);
  }

  /** A process that was told that a twin is out announces none of that product again, while the window lasts. */
  #checkServe(host: Judged, message: Message): void {
    const stampMs = this.#served.get(message.author * productsMax + message.product);
    const { windowMs, toleranceMs } = this.#rules;
    if (stampMs === undefined || message.decidedAtMs >= stampMs + windowMs - toleranceMs) return;
    throw new Violation(`${host.name} announces a twin of product ${message.product} again`);
  }
}

/** In the pull queue, for good, or fetched. */
function isOut(message: Message): boolean {
  return message.placed || isIn(message, queueNumber.pull);
}

/** The first one, or what was known of it, went with the losing side; or it was made on the other side, out of the second's sight. */
function couldNotKnow(first: Message, second: Message): boolean {
  if (first.losingSinceMs !== undefined) return first.losingSinceMs !== second.losingSinceMs;
  return second.losingSinceMs !== undefined && first.doneAtMs >= second.losingSinceMs;
}
