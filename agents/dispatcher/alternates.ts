import { joinTopic, topicTail } from "../lib/dispatch-topics.ts";
import type { PublishOutcome } from "../lib/publisher.ts";
import type { CatchingUp } from "./catching-up.ts";
import type { Arrival } from "./claims.ts";
import type { Incoming, LedgerRecord } from "./events.ts";
import { type Help, Helps } from "./helps.ts";
import { type Answer, type Serve, Serves } from "./serves.ts";
import type { Step } from "./step.ts";
import { requestsKept, WaitingRequests } from "./waiting-requests.ts";

/**
 * A puller that can't fetch what was announced asks for the product's other announcement. Answered with a twin that is kept on
 * disk, or the next to come, once; where none comes in time, with the failed announcement itself, for one last round of tries.
 */
export class Alternates {
  readonly #turn: Step;
  readonly #catchingUp: CatchingUp;
  readonly #serves: Serves;
  readonly #waiting: WaitingRequests;
  /**
   * Requests seen in the ledger, which somebody else may have in hand that keeps no twin: where one is kept here, they
   * are to be answered unless somebody does first. Also by a host that works while it sees them: the address may leave
   * before the request comes to it.
   */
  readonly #planned: Helps;
  /**
   * Products of which the failed announcement went out once more because no twin had come, or too many requests
   * waited: a twin that comes all the same is owed to the pullers.
   */
  readonly #owed: Helps;

  constructor(turn: Step, catchingUp: CatchingUp) {
    this.#turn = turn;
    this.#catchingUp = catchingUp;
    this.#waiting = new WaitingRequests(turn);
    this.#serves = new Serves(turn);
    this.#planned = new Helps(turn);
    this.#owed = new Helps(turn);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get sent(): number {
    return this.#serves.sent;
  }

  get oldestSentAtMs(): number {
    return this.#serves.oldestSentAtMs;
  }

  /** A request came: acked when it is answered. `tail`: of its topic. */
  onRequest(key: string, source: string, delivery: Incoming, tail: string): void {
    const slot = this.#turn.slotOf(key);
    const serve = this.#serves.get(key);
    const isAnswered = slot >= 0 && (this.#turn.table.isServed(slot) || (!serve && this.#owed.get(key) !== undefined));
    // The answer to one that was given out before may be in the ledger alone, where a node has died: only a puller can tell.
    const isDoubtful =
      isAnswered && delivery.redelivered && this.#turn.options.receipts && !this.#turn.table.isServedForCertain(slot);
    if (slot >= 0 && (this.#turn.table.isPulled(slot) || (isAnswered && !isDoubtful))) {
      this.#ack(delivery);
      return;
    }
    if (serve) {
      serve.requests.push(delivery);
      // The others are answered by the same.
      const tooMany = serve.requests.length > requestsKept ? serve.requests.shift() : undefined;
      if (tooMany) this.#ack(tooMany);
      return;
    }
    if (this.#waiting.join(key, source, delivery)) return;
    const reason = delivery.marks.reason ?? "no reason given";
    this.#waiting.add({ key, routingKey: this.#twinTopic(tail), reason, source }, delivery);
    const ref = slot >= 0 && !isDoubtful ? this.#turn.table.twinRef(slot) : 0;
    if (ref > 0) this.#answer(key, ref, undefined);
    else if (this.#waiting.size > this.#turn.options.alternatesWaitingMax) this.#answerOldest();
  }

  /** A twin came: true where a request has waited for it, or would have, and it is acked when it is out. */
  onTwin(key: string, { delivery, source }: Arrival): boolean {
    const request = this.#waiting.get(key);
    if (request) {
      if (request.help.source === source) return false;
      this.#answer(key, 0, delivery);
      return true;
    }
    const owed = this.#serves.get(key) ? undefined : this.#owed.get(key);
    if (!owed || owed.source === source) return false;
    this.#serve(owed, { delivery });
    return true;
  }

  /** A twin is on disk. */
  onKept(key: string, ref: number): void {
    const slot = this.#turn.slotOf(key);
    if (slot >= 0) this.#turn.table.setTwinRef(slot, ref);
    if (this.#waiting.get(key)) this.#answer(key, ref, undefined);
    else this.#payOwed(key, ref);
  }

  /** The product itself went out, as this source's announcement: an answer, if another's had failed. */
  onCommitted(key: string, source: string): void {
    this.#waiting.settle(key, source);
  }

  /** Some dispatcher has announced the twin, or had none and announced what had failed once more: then it is owed. */
  onTwinSeen({ key, source, routingKey, reason }: Extract<LedgerRecord, { kind: "twin" }>): void {
    const slot = this.#turn.slotOf(key);
    this.#planned.drop(key);
    this.#waiting.settle(key);
    if (slot >= 0 && this.#turn.table.source(slot) === source) {
      if (this.#turn.table.isPulled(slot) || this.#turn.table.isServedForCertain(slot)) return;
      this.#owed.note({ key, routingKey, reason, source });
      this.#payOwed(key, this.#turn.table.twinRef(slot));
      return;
    }
    this.#owed.drop(key);
    this.#markServed(key, false);
  }

  /** The product goes out once more, since it may have been lost: what was answered for it may have been lost with it. */
  onAnew(key: string, slot: number): void {
    this.#owed.drop(key);
    this.#turn.table.clearServed(slot);
  }

  /** A puller has the product: nobody needs its twin. */
  onPulled(key: string): void {
    const slot = this.#turn.slotOf(key);
    if (slot >= 0 && !this.#turn.table.isPulled(slot)) {
      this.#turn.table.setPulled(slot);
      // Also on disk: what announcers announce again after a restart of ours must not be doubted once more.
      this.#turn.push({ type: "remember-served", key });
    }
    this.#planned.drop(key);
    this.#owed.drop(key);
    this.#waiting.settle(key);
    const serve = this.#serves.get(key);
    if (serve && serve.id === 0) this.#finish(serve);
  }

  /** A request is in the ledger: whoever works has it as a delivery, a standby helps. */
  onRequestSeen({ key, routingKey, reason, source }: Extract<LedgerRecord, { kind: "request" }>): void {
    const tail = topicTail(this.#turn.options.alternateTopic, routingKey);
    if (tail === undefined) return;
    if (!this.#planned.get(key)) this.#planned.note({ key, routingKey: this.#twinTopic(tail), reason, source });
  }

  /** False where the outcome was of no alternate. */
  onOutcome(id: number, outcome: PublishOutcome): boolean {
    const serve = this.#serves.settle(id);
    if (!serve) return false;
    if (outcome === "confirmed") {
      this.#onServed(serve);
      return true;
    }
    this.#turn.push({ type: "publish-failed", outcome, routingKey: serve.routingKey });
    const asked = serve.delivery !== undefined || serve.requests.length > 0;
    if (asked && outcome === "lost") this.#putBack(serve);
    else if (asked || (serve.unasked && !this.#isOld(serve))) this.#serves.retry(serve);
    else this.#serves.release(serve);
    return true;
  }

  /** The disk has not what was to be served: its requests wait as if it had never been kept. */
  onMissing(id: number): void {
    const serve = this.#serves.settle(id);
    if (!serve) return;
    const slot = this.#turn.slotOf(serve.key);
    if (slot >= 0) this.#turn.table.setTwinRef(slot, 0);
    this.#putBack(serve);
  }

  /** `works`: this host dispatches, or is about to end: others' requests are not for it. */
  onTick(works: boolean): void {
    const { nowMs, options } = this.#turn;
    const { alternatesWaitingMax, alternateWaitMs, standbyServeDelayMs } = options;
    // A host that works has the request itself, or will; where the address leaves before, it is for this one to help.
    while (!works && this.#serves.size < alternatesWaitingMax) {
      const help = this.#planned.takeOldest(nowMs - standbyServeDelayMs);
      if (!help) break;
      const ref = this.#keptTwin(help.key);
      if (ref > 0) this.#serve(help, { ref, unasked: true });
    }
    while (this.#answerOldest(nowMs - alternateWaitMs)) {}
    this.#planned.onTick();
    this.#serves.onTick();
    this.#owed.onTick();
  }

  forgetDeliveries(): void {
    this.#waiting.forget();
    this.#serves.forgetDeliveries();
  }

  /** Requeues what waits. */
  giveBack(): void {
    this.#waiting.giveBack();
    this.#serves.giveBack();
  }

  /** With what is on disk, or with what is in hand. */
  #answer(key: string, ref: number, delivery: Incoming | undefined): void {
    const request = this.#waiting.take(key);
    if (request) this.#serve(request.help, { ref, delivery, requests: request.deliveries });
  }

  /** With the twin where one is kept, else with its own announcement: a server that was away for a while may be back, and nothing else is left to try. */
  #answerOldest(sinceMs?: number): boolean {
    const request = this.#waiting.takeOldest(sinceMs);
    if (!request) return false;
    const { help, deliveries } = request;
    const slot = this.#turn.slotOf(help.key);
    const ref = slot < 0 ? 0 : this.#turn.table.twinRef(slot);
    if (ref > 0) {
      this.#serve(help, { ref, requests: deliveries });
      return true;
    }
    const [delivery, ...requests] = deliveries;
    const seconds = Math.round((this.#turn.nowMs - request.sinceMs) / 1000);
    const reason = `${help.reason}; no twin came within ${seconds} s`;
    this.#serve({ ...help, reason }, { lastRound: true, delivery, requests });
    return true;
  }

  /** A twin that was written to disk while the failed announcement went out. */
  #payOwed(key: string, ref: number): void {
    const owed = ref === 0 || this.#serves.get(key) ? undefined : this.#owed.get(key);
    if (owed) this.#serve(owed, { ref, unasked: true });
  }

  #onServed(serve: Serve): void {
    const { key, lastRound } = serve;
    this.#finish(serve);
    const slot = this.#turn.slotOf(key);
    if (!lastRound) {
      this.#markServed(key, true);
      this.#owed.drop(key);
      return;
    }
    // The last round of tries is out: from now on the twin is owed.
    this.#owed.note(serve);
    if (slot >= 0) this.#payOwed(key, this.#turn.table.twinRef(slot));
  }

  /** Reference of a twin that is kept here and that nobody has sent; 0 for none. */
  #keptTwin(key: string): number {
    const slot = this.#turn.slotOf(key);
    if (slot < 0 || this.#serves.get(key)) return 0;
    if (this.#turn.table.isServed(slot) || this.#turn.table.isPulled(slot)) return 0;
    return this.#turn.table.twinRef(slot);
  }

  #serve(help: Help, answer: Answer): void {
    const slot = this.#turn.slotOf(help.key);
    this.#serves.start(help, slot < 0 ? undefined : this.#turn.table.atMs(slot), answer);
  }

  #markServed(key: string, certain: boolean): void {
    const slot = this.#turn.slotOf(key);
    if (slot >= 0) this.#turn.table.setServed(slot, certain);
  }

  /** All that it answers is acked. */
  #finish(serve: Serve): void {
    this.#serves.release(serve);
    if (serve.delivery) this.#ack(serve.delivery);
    for (const request of serve.requests) this.#ack(request);
  }

  /** Its deliveries are decided anew, when it is known what went out. */
  #putBack(serve: Serve): void {
    this.#serves.release(serve);
    for (const request of serve.requests) this.#catchingUp.aside.push(request);
    if (serve.delivery) this.#catchingUp.aside.push({ ...serve.delivery, redelivered: true });
    if (serve.delivery || serve.requests.length > 0) this.#catchingUp.startOverLater();
  }

  #isOld(serve: Serve): boolean {
    return serve.fromMs + this.#turn.options.alternateWaitMs <= this.#turn.nowMs;
  }

  #twinTopic(tail: string): string {
    // The tail is for people; the bare topic reaches the same queues.
    return joinTopic(this.#turn.options.twinTopic, tail) ?? this.#turn.options.twinTopic;
  }

  #ack(delivery: Incoming): void {
    this.#turn.push({ type: "ack", delivery: delivery.id });
  }
}
