import { joinTopic, topicTail } from "../lib/dispatch-topics.ts";
import type { PublishOutcome } from "../lib/publisher.ts";
import { type AlternatePublish, AlternatePublishes, type Answer } from "./alternate-publishes.ts";
import type { CatchingUp } from "./catching-up.ts";
import type { Arrival } from "./claims.ts";
import type { Incoming, LedgerRecord } from "./events.ts";
import { type AlternateRequest, NotedRequests } from "./noted-requests.ts";
import type { Step } from "./step.ts";
import { requestsKept, WaitingRequests } from "./waiting-requests.ts";

/**
 * Alternates for pullers. A puller that can't fetch an announced file requests the product's other announcement. The answer is a
 * twin: the one kept on disk, or the next to arrive. It is sent once. If no twin arrives in time, the failed announcement itself
 * is sent, for one last round of attempts.
 */
export class Alternates {
  readonly #step: Step;
  readonly #catchingUp: CatchingUp;
  readonly #publishes: AlternatePublishes;
  readonly #waiting: WaitingRequests;
  /**
   * Requests seen in the ledger. The active host may hold such a request and keep no twin for it. If this host keeps one, it
   * answers the request unless another host does so first. An active host also records requests here: it may lose the address
   * before it receives the request as a delivery.
   */
  readonly #planned: NotedRequests;
  /**
   * Products whose failed announcement was published again, because no twin had arrived or too many requests waited. If a twin
   * arrives later, it must still be sent to the pullers.
   */
  readonly #owed: NotedRequests;

  constructor(step: Step, catchingUp: CatchingUp) {
    this.#step = step;
    this.#catchingUp = catchingUp;
    this.#waiting = new WaitingRequests(step);
    this.#publishes = new AlternatePublishes(step);
    this.#planned = new NotedRequests(step);
    this.#owed = new NotedRequests(step);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get sent(): number {
    return this.#publishes.sent;
  }

  get oldestSentAtMs(): number {
    return this.#publishes.oldestSentAtMs;
  }

  /** A request arrived. It is acked once it is answered. `tail`: the tail of its topic. */
  onRequest(key: string, source: string, delivery: Incoming, tail: string): void {
    const slot = this.#step.slotOf(key);
    const publish = this.#publishes.get(key);
    const isAnswered =
      slot >= 0 && (this.#step.table.isServed(slot) || (!publish && this.#owed.get(key) !== undefined));
    // If a node died, the answer to a redelivered request may be in the ledger and nowhere else. Only a puller can tell.
    const isUncertain =
      isAnswered && delivery.redelivered && this.#step.options.receipts && !this.#step.table.isServedForCertain(slot);
    if (slot >= 0 && (this.#step.table.isPulled(slot) || (isAnswered && !isUncertain))) {
      this.#ack(delivery);
      return;
    }
    if (publish) {
      publish.requests.push(delivery);
      // The same answer serves the other requests.
      const tooMany = publish.requests.length > requestsKept ? publish.requests.shift() : undefined;
      if (tooMany) this.#ack(tooMany);
      return;
    }
    if (this.#waiting.join(key, source, delivery)) return;
    const { reason = "no reason given", closedMs } = delivery.marks;
    this.#waiting.add({ key, routingKey: this.#twinTopic(tail), reason, closedMs, source }, delivery);
    const ref = slot >= 0 && !isUncertain ? this.#step.table.twinRef(slot) : 0;
    if (ref > 0) this.#answer(key, ref, undefined);
    else if (this.#waiting.size > this.#step.options.alternatesWaitingMax) this.#answerOldest();
  }

  /** A twin arrived. True if it answers, or will answer, a request: then it is acked once it is published. */
  onTwin(key: string, { delivery, source }: Arrival): boolean {
    const request = this.#waiting.get(key);
    if (request) {
      if (request.wanted.source === source) return false;
      this.#answer(key, 0, delivery);
      return true;
    }
    const owed = this.#publishes.get(key) ? undefined : this.#owed.get(key);
    if (!owed || owed.source === source) return false;
    this.#serve(owed, { delivery });
    return true;
  }

  /** A twin was written to disk. */
  onKept(key: string, ref: number): void {
    const slot = this.#step.slotOf(key);
    if (slot >= 0) this.#step.table.setTwinRef(slot, ref);
    if (this.#waiting.get(key)) this.#answer(key, ref, undefined);
    else this.#sendOwed(key, ref);
  }

  /** The product itself was published with this source's announcement. This answers a request if another source's announcement had failed. */
  onCommitted(key: string, source: string): void {
    this.#waiting.settle(key, source);
  }

  /** A dispatcher published the twin. Or it had none and published the failed announcement again: then a twin is still owed. */
  onTwinSeen({ key, source, routingKey, reason, closedMs }: Extract<LedgerRecord, { kind: "twin" }>): void {
    const slot = this.#step.slotOf(key);
    this.#planned.drop(key);
    this.#waiting.settle(key);
    if (slot >= 0 && this.#step.table.source(slot) === source) {
      if (this.#step.table.isPulled(slot) || this.#step.table.isServedForCertain(slot)) return;
      this.#owed.note({ key, routingKey, reason, closedMs, source });
      this.#sendOwed(key, this.#step.table.twinRef(slot));
      return;
    }
    this.#owed.drop(key);
    this.#markServed(key, false);
  }

  /** The product is published again because it may have been lost. Answers sent for it may have been lost too. */
  onRepublish(key: string, slot: number): void {
    this.#owed.drop(key);
    this.#step.table.clearServed(slot);
  }

  /** A puller has the product: its twin is no longer needed. */
  onPulled(key: string): void {
    const slot = this.#step.slotOf(key);
    if (slot >= 0 && !this.#step.table.isPulled(slot)) {
      this.#step.table.setPulled(slot);
      // Recorded on disk too: what announcers announce again after our restart must not count as unconfirmed again.
      this.#step.push({ type: "remember-served", key });
    }
    this.#planned.drop(key);
    this.#owed.drop(key);
    this.#waiting.settle(key);
    const publish = this.#publishes.get(key);
    if (publish && publish.id === 0) this.#finish(publish);
  }

  /** A request is in the ledger. The active host receives it as a delivery; a standby helps. */
  onRequestSeen(request: Extract<LedgerRecord, { kind: "request" }>): void {
    const tail = topicTail(this.#step.options.alternateTopic, request.routingKey);
    if (tail === undefined || this.#planned.get(request.key)) return;
    this.#planned.note({ ...request, routingKey: this.#twinTopic(tail) });
  }

  /** False if the outcome does not belong to an alternate. */
  onOutcome(id: number, outcome: PublishOutcome): boolean {
    const publish = this.#publishes.settle(id);
    if (!publish) return false;
    if (outcome === "confirmed") {
      this.#onServed(publish);
      return true;
    }
    this.#step.push({ type: "publish-failed", outcome, routingKey: publish.routingKey });
    const asked = publish.delivery !== undefined || publish.requests.length > 0;
    if (asked && outcome === "lost") this.#defer(publish);
    else if (asked || (publish.unasked && !this.#isOld(publish))) this.#publishes.retry(publish);
    else this.#publishes.release(publish);
    return true;
  }

  /** The twin is not on disk. Its requests wait as if it had never been kept. */
  onMissing(id: number): void {
    const publish = this.#publishes.settle(id);
    if (!publish) return;
    const slot = this.#step.slotOf(publish.key);
    if (slot >= 0) this.#step.table.setTwinRef(slot, 0);
    this.#defer(publish);
  }

  /** `isActive`: this host dispatches or is about to stop. It does not answer other hosts' requests. */
  onTick(isActive: boolean): void {
    const { nowMs, options } = this.#step;
    const { alternatesWaitingMax, alternateWaitMs, standbyServeDelayMs } = options;
    // An active host has received, or will receive, the request itself. If it loses the address first, this host helps.
    while (!isActive && this.#publishes.size < alternatesWaitingMax) {
      const wanted = this.#planned.removeOldest(nowMs - standbyServeDelayMs);
      if (!wanted) break;
      const ref = this.#keptTwin(wanted.key);
      if (ref > 0) this.#serve(wanted, { ref, unasked: true });
    }
    while (this.#answerOldest(nowMs - alternateWaitMs)) {}
    this.#planned.onTick();
    this.#publishes.onTick();
    this.#owed.onTick();
  }

  forgetDeliveries(): void {
    this.#waiting.forget();
    this.#publishes.forgetDeliveries();
  }

  /** Requeues the waiting deliveries. */
  requeueAll(): void {
    this.#waiting.requeueAll();
    this.#publishes.requeueAll();
  }

  /** Answers with the twin on disk (`ref`) or with `delivery`. */
  #answer(key: string, ref: number, delivery: Incoming | undefined): void {
    const request = this.#waiting.remove(key);
    if (request) this.#serve(request.wanted, { ref, delivery, requests: request.deliveries });
  }

  /** Answers with the kept twin, or else with the failed announcement: its server may be back, and nothing else is left to try. */
  #answerOldest(sinceMs?: number): boolean {
    const request = this.#waiting.removeOldest(sinceMs);
    if (!request) return false;
    const { wanted, deliveries } = request;
    const slot = this.#step.slotOf(wanted.key);
    const ref = slot < 0 ? 0 : this.#step.table.twinRef(slot);
    if (ref > 0) {
      this.#serve(wanted, { ref, requests: deliveries });
      return true;
    }
    const [delivery, ...requests] = deliveries;
    const seconds = Math.round((this.#step.nowMs - request.sinceMs) / 1000);
    const reason = `${wanted.reason}; no twin arrived within ${seconds} s`;
    this.#serve({ ...wanted, reason }, { lastRound: true, delivery, requests });
    return true;
  }

  /** Sends a twin that was written to disk while the failed announcement was being published. */
  #sendOwed(key: string, ref: number): void {
    const owed = ref === 0 || this.#publishes.get(key) ? undefined : this.#owed.get(key);
    if (owed) this.#serve(owed, { ref, unasked: true });
  }

  #onServed(publish: AlternatePublish): void {
    const { key, lastRound } = publish;
    this.#finish(publish);
    const slot = this.#step.slotOf(key);
    if (!lastRound) {
      this.#markServed(key, true);
      this.#owed.drop(key);
      return;
    }
    // The last round is published. From now on the twin is owed.
    this.#owed.note(publish);
    if (slot >= 0) this.#sendOwed(key, this.#step.table.twinRef(slot));
  }

  /** Reference of a twin that is kept here and that no host has sent; 0 if there is none. */
  #keptTwin(key: string): number {
    const slot = this.#step.slotOf(key);
    if (slot < 0 || this.#publishes.get(key)) return 0;
    if (this.#step.table.isServed(slot) || this.#step.table.isPulled(slot)) return 0;
    return this.#step.table.twinRef(slot);
  }

  #serve(wanted: AlternateRequest, answer: Answer): void {
    const slot = this.#step.slotOf(wanted.key);
    this.#publishes.start(wanted, slot < 0 ? undefined : this.#step.table.atMs(slot), answer);
  }

  #markServed(key: string, certain: boolean): void {
    const slot = this.#step.slotOf(key);
    if (slot >= 0) this.#step.table.setServed(slot, certain);
  }

  /** Acks every delivery that it answers. */
  #finish(publish: AlternatePublish): void {
    this.#publishes.release(publish);
    if (publish.delivery) this.#ack(publish.delivery);
    for (const request of publish.requests) this.#ack(request);
  }

  /** Defers its deliveries: they are decided again once it is known what was published. */
  #defer(publish: AlternatePublish): void {
    this.#publishes.release(publish);
    for (const request of publish.requests) this.#catchingUp.deferred.push(request);
    if (publish.delivery) this.#catchingUp.deferred.push({ ...publish.delivery, redelivered: true });
    if (publish.delivery || publish.requests.length > 0) this.#catchingUp.startOverLater();
  }

  #isOld(publish: AlternatePublish): boolean {
    return publish.fromMs + this.#step.options.alternateWaitMs <= this.#step.nowMs;
  }

  #twinTopic(tail: string): string {
    // The tail is only informative; the bare topic is routed to the same queues.
    return joinTopic(this.#step.options.twinTopic, tail) ?? this.#step.options.twinTopic;
  }

  #ack(delivery: Incoming): void {
    this.#step.push({ type: "ack", delivery: delivery.id });
  }
}
