import { joinTopic, topicTail } from "../lib/dispatch-topics.ts";
import type { PublishOutcome } from "../lib/publisher.ts";
import { readV00 } from "../lib/read-v00.ts";
import { Alternates } from "./alternates.ts";
import { CatchingUp } from "./catching-up.ts";
import type { Incoming } from "./events.ts";
import { Products, type Room } from "./products.ts";
import type { Step } from "./step.ts";

/**
 * Deliveries on their way to a decision, and decided ones that are not settled. A host decides only while it accepts deliveries,
 * and only once it is known what others published; until then deliveries are deferred, in order.
 */
export class Decisions {
  readonly catchingUp: CatchingUp;
  readonly products: Products;
  readonly alternates: Alternates;
  readonly #step: Step;

  constructor(step: Step, instance: string) {
    this.#step = step;
    this.catchingUp = new CatchingUp(step, instance);
    this.alternates = new Alternates(step, this.catchingUp);
    this.products = new Products(step, this.catchingUp, this.alternates);
  }

  /** Publishes in flight that deliveries wait for. */
  get sent(): number {
    return this.products.claims.sent + this.alternates.sent;
  }

  /** When the oldest publish in flight was sent; Infinity for none. */
  get oldestSentAtMs(): number {
    const { claims } = this.products;
    return Math.min(claims.oldestSentAtMs, this.alternates.oldestSentAtMs, this.catchingUp.oldestSentAtMs);
  }

  get #mayPublish(): boolean {
    return this.products.claims.sent < this.#step.options.publishingMax;
  }

  /** Handles a delivery while this host accepts. */
  onDelivery(delivery: Incoming): Room {
    if (this.catchingUp.isDone && this.#mayPublish) return this.#decide(delivery);
    this.catchingUp.deferred.push(delivery);
    return this.decideDeferred();
  }

  /** True if something was settled, so that deferred deliveries may be decided. */
  onOutcome(id: number, outcome: PublishOutcome): boolean {
    if (this.products.onOutcome(id, outcome) || this.alternates.onOutcome(id, outcome)) return true;
    this.catchingUp.onOutcome(id, outcome);
    return false;
  }

  /** A marker came back: publishes what was due before it was sent and decides the deferred deliveries. */
  onToken(token: string): Room {
    const fromMs = this.catchingUp.onToken(token);
    if (fromMs === undefined) return "room";
    const { nowMs, options } = this.#step;
    if (nowMs - fromMs < options.confirmTimeoutMs) {
      return this.products.sendDue(fromMs) === "full" ? "full" : this.decideDeferred();
    }
    // Deferred for this long, they may have gone to another host, which has decided by now. Those that are ours come back at once.
    this.#requeueDeferred();
    this.catchingUp.startOver();
    return "room";
  }

  /** Decides as many deferred deliveries as possible, and sends a marker if the rest waits for one. */
  decideDeferred(): Room {
    while (this.#mayPublish) {
      const delivery = this.catchingUp.next();
      if (!delivery) break;
      if (this.#decide(delivery) === "full") return "full";
    }
    this.catchingUp.send();
    return "room";
  }

  onTick(): void {
    if (this.products.hasDue(this.#step.nowMs)) this.catchingUp.send(true);
    this.catchingUp.onTick();
  }

  /** No delivery is ours any more. */
  forgetDeliveries(): void {
    this.catchingUp.deferred.drain();
    this.products.forgetDeliveries();
    this.alternates.forgetDeliveries();
    this.catchingUp.startOver();
  }

  /** Requeues everything that is not in flight. */
  requeueAll(): void {
    this.#requeueDeferred();
    this.products.requeueAll();
    this.alternates.requeueAll();
    this.catchingUp.startOver();
  }

  #requeueDeferred(): void {
    for (const { id } of this.catchingUp.deferred.drain()) this.#step.push({ type: "requeue", delivery: id });
  }

  #decide(delivery: Incoming): Room {
    this.#step.deciding = delivery;
    const { inputTopic, alternateTopic } = this.#step.options;
    const tail = topicTail(inputTopic, delivery.routingKey);
    if (tail !== undefined) return this.#decideAnnouncement(delivery, tail);
    const requestTail = topicTail(alternateTopic, delivery.routingKey);
    if (requestTail === undefined) {
      return this.#deadLetter(delivery, `routing key does not start with ${inputTopic}: ${delivery.routingKey}`);
    }
    const read = readV00(delivery.body);
    if (!read.ok) return this.#deadLetter(delivery, read.reason);
    this.alternates.onRequest(read.value.key, read.value.source, delivery, requestTail);
    return "room";
  }

  #decideAnnouncement(delivery: Incoming, tail: string): Room {
    const { nowMs, options } = this.#step;
    const { notifyTopic, notifyKey } = options;
    const routingKey = notifyKey === "exact" ? notifyTopic : joinTopic(notifyTopic, tail);
    if (routingKey === undefined) {
      return this.#deadLetter(delivery, `routing key has no room for ${notifyTopic}: ${delivery.routingKey}`);
    }
    const read = readV00(delivery.body);
    if (!read.ok) return this.#deadLetter(delivery, read.reason);
    const { key, source, sizeBytes } = read.value;
    return this.products.decide(key, { delivery, source, sizeBytes, atMs: nowMs, routingKey });
  }

  #deadLetter(delivery: Incoming, reason: string): Room {
    this.#step.push({ type: "dead-letter", delivery: delivery.id, reason });
    return "room";
  }
}
