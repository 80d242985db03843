import { joinTopic, topicTail } from "../lib/dispatch-topics.ts";
import type { PublishOutcome } from "../lib/publisher.ts";
import { Alternates } from "./alternates.ts";
import { CatchingUp } from "./catching-up.ts";
import type { Incoming } from "./events.ts";
import { Products, type Room } from "./products.ts";
import { readV00 } from "./read-v00.ts";
import type { Step } from "./step.ts";

/**
 * Deliveries on their way to a decision, and what was decided and is not settled. A host decides while it takes, and nothing
 * before it is known what others published: until then deliveries are kept aside, in order.
 */
export class Decisions {
  readonly catchingUp: CatchingUp;
  readonly products: Products;
  readonly alternates: Alternates;
  readonly #turn: Step;

  /** `instance`: of this process, see `CoreParts`. */
  constructor(turn: Step, instance: string) {
    this.#turn = turn;
    this.catchingUp = new CatchingUp(turn, instance);
    this.alternates = new Alternates(turn, this.catchingUp);
    this.products = new Products(turn, this.catchingUp, this.alternates);
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

  get #mayPublish(): boolean {
    return this.products.claims.sent < this.#turn.options.publishingMax;
  }

  /** A delivery while this host takes. */
  onDelivery(delivery: Incoming): Room {
    if (this.catchingUp.isDone && this.#mayPublish) return this.#decide(delivery);
    this.catchingUp.aside.push(delivery);
    return this.goOn();
  }

  /** True where something was settled, and there may be room for what is kept aside. */
  onOutcome(id: number, outcome: PublishOutcome): boolean {
    if (this.products.onOutcome(id, outcome) || this.alternates.onOutcome(id, outcome)) return true;
    this.catchingUp.onOutcome(id, outcome);
    return false;
  }

  /** A marker is back: what fell due before it was sent is published, what is kept aside is decided. */
  onToken(token: string): Room {
    const fromMs = this.catchingUp.onToken(token);
    if (fromMs === undefined) return "room";
    const { nowMs, options } = this.#turn;
    if (nowMs - fromMs < options.confirmTimeoutMs) {
      return this.products.sendDue(fromMs) === "full" ? "full" : this.goOn();
    }
    // Kept aside for so long it may have been given to another host, which has decided by now: if it is ours, it comes again at once.
    this.#requeueAside();
    this.catchingUp.startOver();
    return "room";
  }

  /** Decides what is kept aside, as far as may be, and asks for a marker where that is what the rest waits for. */
  goOn(): Room {
    while (this.#mayPublish) {
      const delivery = this.catchingUp.next();
      if (!delivery) break;
      if (this.#decide(delivery) === "full") return "full";
    }
    this.catchingUp.send();
    return "room";
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

  #decide(delivery: Incoming): Room {
    this.#turn.deciding = delivery;
    const { inputTopic, alternateTopic } = this.#turn.options;
    const tail = topicTail(inputTopic, delivery.routingKey);
    if (tail !== undefined) return this.#decideAnnouncement(delivery, tail);
    const requestTail = topicTail(alternateTopic, delivery.routingKey);
    if (requestTail === undefined) {
      return this.#putAside(delivery, `routing key does not start with ${inputTopic}: ${delivery.routingKey}`);
    }
    const read = readV00(delivery.body);
    if (!read.ok) return this.#putAside(delivery, read.reason);
    this.alternates.onRequest(read.value.key, read.value.source, delivery, requestTail);
    return "room";
  }

  #decideAnnouncement(delivery: Incoming, tail: string): Room {
    const { nowMs, options } = this.#turn;
    const { notifyTopic } = options;
    const routingKey = joinTopic(notifyTopic, tail);
    if (routingKey === undefined) {
      return this.#putAside(delivery, `routing key has no room for ${notifyTopic}: ${delivery.routingKey}`);
    }
    const read = readV00(delivery.body);
    if (!read.ok) return this.#putAside(delivery, read.reason);
    const { key, source, sizeBytes } = read.value;
    return this.products.take(key, { delivery, source, sizeBytes, atMs: nowMs, routingKey });
  }

  #putAside(delivery: Incoming, reason: string): Room {
    this.#turn.push({ type: "dead-letter", delivery: delivery.id, reason });
    return "room";
  }
}
