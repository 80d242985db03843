import { joinTopic, topicTail } from "../lib/dispatch-topics.ts";
import type { PublishOutcome } from "../lib/publisher.ts";
import { type ScannedV00, scanV00 } from "../lib/scan-v00.ts";
import { Alternates } from "./alternates.ts";
import { CatchingUp } from "./catching-up.ts";
import type { CoreOptions, CoreParts } from "./core-options.ts";
import type { Incoming } from "./events.ts";
import { Products } from "./products.ts";
import { readOddV00 } from "./read-input.ts";
import type { Turn } from "./turn.ts";

/**
 * Deliveries on their way to a decision, and what was decided and is not settled. A host decides while it takes, and nothing
 * before it is known what others published: until then deliveries are kept aside, in order.
 */
export class Decisions {
  readonly catchingUp: CatchingUp;
  readonly products: Products;
  readonly alternates: Alternates;
  readonly #turn: Turn;
  readonly #options: CoreOptions;

  constructor(turn: Turn, options: CoreOptions, { table, instance, random = Math.random }: CoreParts) {
    this.#turn = turn;
    this.#options = options;
    this.catchingUp = new CatchingUp(turn, options, instance, random);
    const parts = { turn, options, table, catchingUp: this.catchingUp, random };
    this.alternates = new Alternates(parts);
    this.products = new Products(parts, this.alternates);
  }

  /** Publishes under way that deliveries wait for. */
  get sent(): number {
    return this.products.claims.sent + this.alternates.sent;
  }

  /** Since when the oldest publish is under way; Infinity for none. */
  get oldestSentAtMs(): number {
    const { claims } = this.products;
    return Math.min(claims.oldestSentAtMs, this.alternates.oldestSentAtMs, this.catchingUp.oldestSentAtMs);
  }

  get #hasRoom(): boolean {
    return this.products.claims.sent < this.#options.publishingMax;
  }

  /** A delivery while this host takes. False where the table has no room: all that is undecided is kept aside. */
  onDelivery(delivery: Incoming): boolean {
    if (this.catchingUp.isDone && this.#hasRoom) return this.#decide(delivery);
    this.catchingUp.aside.push(delivery);
    return this.goOn();
  }

  /** True where something was settled, and there may be room for what is kept aside. */
  onOutcome(id: number, outcome: PublishOutcome): boolean {
    if (this.products.onOutcome(id, outcome) || this.alternates.onOutcome(id, outcome)) return true;
    this.catchingUp.onOutcome(id, outcome);
    return false;
  }

  /** A marker is back: what fell due before it was sent is published, what is kept aside is decided. False as above. */
  onToken(token: string): boolean {
    const fromMs = this.catchingUp.onToken(token);
    if (fromMs === undefined) return true;
    if (this.#turn.nowMs - fromMs < this.#options.confirmTimeoutMs) return this.products.sendDue(fromMs) && this.goOn();
    // Kept aside for so long it may have been given to another host, which has decided by now: if it is ours, it comes again at once.
    this.#requeueAside();
    this.catchingUp.startOver();
    return true;
  }

  /** Decides what is kept aside, as far as may be, and asks for a marker where that is what the rest waits for. False as above. */
  goOn(): boolean {
    while (this.#hasRoom) {
      const delivery = this.catchingUp.next();
      if (!delivery) break;
      if (!this.#decide(delivery)) return false;
    }
    this.catchingUp.send();
    return true;
  }

  onTick(): void {
    if (this.products.hasDue(this.#turn.nowMs)) this.catchingUp.send(true);
    this.catchingUp.onTick();
  }

  /** No delivery is ours any more. */
  forgetDeliveries(): void {
    this.catchingUp.aside.drain();
    this.products.forgetDeliveries();
    this.alternates.forgetDeliveries();
    this.catchingUp.startOver();
  }

  /** Requeues all that is not under way. */
  giveBack(): void {
    this.#requeueAside();
    this.products.giveBack();
    this.alternates.giveBack();
    this.catchingUp.startOver();
  }

  #requeueAside(): void {
    for (const { id } of this.catchingUp.aside.drain()) this.#turn.push({ type: "requeue", delivery: id });
  }

  #decide(delivery: Incoming): boolean {
    this.#turn.deciding = delivery;
    const { inputTopic, alternateTopic } = this.#options;
    const tail = topicTail(inputTopic, delivery.routingKey);
    if (tail !== undefined) return this.#decideAnnouncement(delivery, tail);
    const requestTail = topicTail(alternateTopic, delivery.routingKey);
    if (requestTail === undefined) {
      this.#putAside(delivery, `routing key does not start with ${inputTopic}: ${delivery.routingKey}`);
      return true;
    }
    const read = this.#read(delivery);
    if (read) this.alternates.onRequest(read.key, read.source, delivery, requestTail);
    return true;
  }

  #decideAnnouncement(delivery: Incoming, tail: string): boolean {
    const { notifyTopic } = this.#options;
    const routingKey = joinTopic(notifyTopic, tail);
    if (routingKey === undefined) {
      this.#putAside(delivery, `routing key has no room for ${notifyTopic}: ${delivery.routingKey}`);
      return true;
    }
    const read = this.#read(delivery);
    if (!read) return true;
    const { key, source, sizeBytes } = read;
    return this.products.take(key, { delivery, source, sizeBytes, atMs: this.#turn.nowMs, routingKey });
  }

  #read(delivery: Incoming): ScannedV00 | undefined {
    const scanned = scanV00(delivery.body);
    if (scanned) return scanned;
    const read = readOddV00(delivery.body);
    if (read.ok) return read.value;
    this.#putAside(delivery, read.reason);
    return undefined;
  }

  #putAside(delivery: Incoming, reason: string): void {
    this.#turn.push({ type: "dead-letter", delivery: delivery.id, reason });
  }
}
