import type { Effect, Event, LedgerRecord } from "../events.ts";
import type { CoreUnderTest } from "./core-under-test.ts";
import type { Counts } from "./counts.ts";
import type { Judged } from "./judged.ts";
import { bitOf, type Message, type Mode, productOf, productsMax, queueNumber } from "./message.ts";

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
}

interface Publication {
  readonly message: Message;
  /** `held`: marked, after it was held in doubt; `unseen`: marked, as a redelivery of something that the ledger has not shown. */
  readonly how: "plain" | "held" | "unseen";
  readonly redelivered: boolean;
  /** Connections that its author's host had lost. */
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
  /** By author and product: stamp of the newest receipt that this process was told of. */
  readonly #receipts = new Map<number, number>();
  /** By author and product: held in doubt by this process, at least once. */
  readonly #held = new Set<number>();
  /** By author and product: stamp of the publish whose twin this process announced, and was told that it is out. */
  readonly #served = new Map<number, number>();

  constructor(rules: Rules, counts: Counts) {
    this.#rules = rules;
    this.#counts = counts;
  }

  announced(message: Message): void {
    this.#open[message.product]?.add(message);
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
    const visible = list.filter((each) => isIn(each.message, ledger)).map((each) => each.message.number);
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
    if (message.kind !== "twin" || message.text.includes("no twin came within")) return;
    const newest = this.#published[message.product]?.at(-1);
    if (newest) this.#served.set(message.author * productsMax + message.product, newest.message.stampMs);
  }

  landed(queue: number, message: Message): void {
    if (queue !== queueNumber.pull) return;
    if (message.kind === "twin") this.#counts.twinsOut++;
    if (message.kind !== "notify") return;
    this.#counts.arrivals++;
    const list = this.#published[message.product] ?? [];
    const own = list.find((each) => each.message === message);
    for (const other of list) {
      if (!own || other === own || !isIn(other.message, queueNumber.pull)) continue;
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
      if (isIn(publish.message, queueNumber.pull)) return;
      // All or nothing: what one queue has, the others have or will have.
      started ||= this.#rules.mode === "atomic" && publish.message.landed !== 0;
    }
    if (this.#isTwinOut(message)) return;
    if (!started && others === 0) throw new Violation(`${host.name} acks product ${product} before it is out`);
    this.#owed.push({ message, host: host.name });
  }

  /** The input queue has read the ack: the message is nowhere any more. */
  gone(message: Message): void {
    this.#open[message.product]?.delete(message);
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
    for (const { message, host } of this.#owed) {
      const publishes = this.#published[message.product] ?? [];
      if (publishes.some((each) => this.#covers(each.message, message) && isIn(each.message, queueNumber.pull)))
        continue;
      if (this.#isTwinOut(message)) continue;
      throw new Violation(`product ${message.product} never came out: ${host} had acked it`);
    }
    for (const [product, open] of this.#open.entries()) {
      if (open.size > 0) throw new Violation(`${open.size} announcements of product ${product} are nowhere`);
    }
  }

  /** The announcement came within the window of that publish, or before it was out everywhere. */
  #covers(publish: Message, announcement: Message): boolean {
    if (announcement.decidedAtMs <= publish.doneAtMs) return true;
    return announcement.decidedAtMs < publish.stampMs + this.#rules.windowMs + this.#rules.toleranceMs;
  }

  #isTwinOut(announcement: Message): boolean {
    const twins = this.#twins[announcement.product] ?? [];
    return twins.some((twin) => this.#covers(twin, announcement) && isIn(twin, queueNumber.pull));
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

function isIn(message: Message, queue: number): boolean {
  return (message.landed & bitOf(queue)) !== 0;
}
