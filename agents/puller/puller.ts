import { setTimeout as delay } from "node:timers/promises";
import { backoffMs } from "../lib/backoff.ts";
import type { Disposition } from "../lib/consumer.ts";
import type { Fault, Outcome } from "../lib/download.ts";
import { LocalHold } from "../lib/local-hold.ts";
import { LocalFault } from "../lib/receiver-queue.ts";
import { type Provenance, provenanceOf } from "./alternates.ts";
import type { Config } from "./config.ts";
import { fetchProduct } from "./fetch-product.ts";
import { type Order, planNextStep, readOrder } from "./order.ts";
import { describeSilence, Origins, type SilentOrigin } from "./origins.ts";
import type { Inquiry, Standing } from "./peer-message.ts";
import type { PlacedBefore } from "./placed-journal.ts";
import type { Announced, PullerPorts } from "./ports.ts";
import { inquiryOf, Repeats } from "./repeats.ts";

/** The pull was dropped, not failed: the agent stops, or the announcement is no longer ours. */
class Dropped extends Error {}

/** One product being pulled. */
interface Pull {
  readonly order: Order;
  readonly announced: Announced;
  readonly from: Provenance;
  readonly about: Inquiry;
  readonly startedMs: number;
  /** The product may have been placed before. */
  readonly mayRepeat: boolean;
  /** The other pullers were asked whether they have placed it. */
  othersAsked: boolean;
  canAsk: boolean;
  /** Why no other announcement could be requested. */
  note: string;
  tries: number;
  /** Total duration of the failed attempts. */
  spentMs: number;
  localFaults: number;
  heldSinceMs: number | undefined;
}

const localRetryDelayMinMs = 100;

/** Pulls announced products into the receiver queue, each completely or not at all. */
export class Puller {
  readonly #config: Config;
  readonly #ports: PullerPorts;
  readonly #stopping = new AbortController();
  readonly #repeats: Repeats;
  readonly #origins: Origins;
  readonly #local: LocalHold;

  constructor(config: Config, ports: PullerPorts) {
    this.#config = config;
    this.#ports = ports;
    this.#local = new LocalHold(ports.events);
    this.#repeats = new Repeats(config, ports);
    this.#origins = new Origins({
      faultsMax: config.originFaultsMax,
      probe: { minMs: config.originProbeMinMs, maxMs: config.originProbeMaxMs },
    });
  }

  /** Why this host currently accepts no products; undefined if it does. */
  get localFault(): LocalFault | undefined {
    return this.#local.fault;
  }

  /** Servers that are considered dead. */
  get silentOrigins(): SilentOrigin[] {
    return this.#origins.silent;
  }

  /** What earlier processes have placed. */
  recall(before: readonly PlacedBefore[]): void {
    for (const one of before) this.#repeats.recall(one);
  }

  /** For another puller: what this one has done with a product. */
  answer(about: Inquiry, answerNow: AbortSignal): Promise<Standing> {
    return this.#repeats.answer(about, answerNow);
  }

  /** Requeues what waits for a retry; downloads in progress are completed. */
  stop(): void {
    this.#stopping.abort(new Dropped("stopping"));
  }

  /**
   * Acked: the product is on disk in the receiver queue, or the broker has the request for its other announcement. Dead-lettered:
   * nothing can be pulled for it, or all attempts failed, those for the other announcement too. Requeued: the agent stops, or
   * this host has had no room for `localHoldMs`.
   */
  async handle(announced: Announced): Promise<Disposition> {
    const from = provenanceOf(announced, this.#config);
    const canAsk = this.#config.alternates && from.kind === "first";
    const read = readOrder(announced, this.#config);
    try {
      if (read.ok) {
        const pull = this.#begin(read.value, announced, from, canAsk);
        return await this.#repeats.inSequence(read.value.key, pull.mayRepeat, () => this.#pull(pull));
      }
      if (!canAsk || !read.twinHelps) return this.#deadLetter(read.reason, from);
      const note = await this.#requestAlternate(announced, read.reason);
      return note === undefined ? "ack" : this.#deadLetter(read.reason + note, from);
    } catch (error) {
      if (error instanceof Dropped || announced.signal.aborted) return "requeue";
      throw error;
    }
  }

  #begin(order: Order, announced: Announced, from: Provenance, canAsk: boolean): Pull {
    const mayRepeat = announced.redelivered || from.kind === "twin" || (from.kind === "first" && from.inDoubt);
    const startedMs = this.#ports.now();
    const about = inquiryOf(order, from);
    const initial = { note: "", tries: 0, spentMs: 0, localFaults: 0, heldSinceMs: undefined };
    return { order, announced, from, about, startedMs, mayRepeat, canAsk, othersAsked: false, ...initial };
  }

  async #pull(pull: Pull): Promise<Disposition> {
    for (;;) {
      try {
        const disposition = await this.#advance(pull);
        if (disposition !== undefined) return disposition;
      } catch (error) {
        if (!(error instanceof LocalFault)) throw error;
        if (error.nameFault !== undefined) return this.#deadLetter(error.nameFault, pull.from);
        if (await this.#hold(pull, error)) return "requeue";
      }
    }
  }

  /** Makes at most one attempt; undefined if another one is due. */
  async #advance(pull: Pull): Promise<Disposition | undefined> {
    const { order, announced, from, about } = pull;
    const { events, now } = this.#ports;
    if (pull.mayRepeat && (await this.#isSettled(pull))) return "ack";
    const silence = pull.canAsk ? this.#origins.silenceOf(order.origin) : undefined;
    if (silence && !this.#origins.mayTry(order.origin, now())) {
      if (await this.#requestTwin(pull, `not tried: ${describeSilence(silence, now())}`)) return "ack";
    }
    const beganMs = now();
    const outcome = await fetchProduct(order, about, announced.signal, this.#config, this.#ports);
    this.#local.clear();
    this.#noteOutcome(outcome, order.origin, beganMs);
    if (outcome.kind === "fault") {
      pull.spentMs += now() - beganMs;
      return this.#afterFault(pull, outcome);
    }
    this.#repeats.placed(about);
    events.pulled(order, outcome.bytes, now() - pull.startedMs, from.kind);
    this.#sendReceipt(pull, true);
    return "ack";
  }

  async #afterFault(pull: Pull, fault: Fault): Promise<Disposition | undefined> {
    const { order, announced } = pull;
    pull.tries += 1;
    pull.heldSinceMs = undefined;
    const isSilent = this.#origins.silenceOf(order.origin) !== undefined;
    const plan = () => planNextStep(fault, { ...pull, isSilent }, this.#config);
    let next = plan();
    if (next.kind === "ask") {
      if (await this.#requestTwin(pull, `${order.origin}: ${next.reason}`)) return "ack";
      next = plan();
    }
    if (next.kind !== "retry") return this.#deadLetter(next.reason + pull.note, pull.from);
    this.#ports.events.retried(order, fault.cause, fault.text, next.delayMs);
    await this.#wait(next.delayMs, announced);
    return undefined;
  }

  /** True if nothing is left to do: it was placed before (then the receipt may have been lost too), or its twin was requested. */
  async #isSettled(pull: Pull): Promise<boolean> {
    const { events } = this.#ports;
    const here = await this.#repeats.here(pull.about);
    const standing = here === "nothing" ? await this.#askOthers(pull) : here;
    if (standing === "nothing") return false;
    if (standing === "asked") {
      events.askedBefore(pull.order);
      return true;
    }
    events.alreadyThere(pull.order, here === "nothing" ? "another" : "here");
    this.#sendReceipt(pull, false);
    return true;
  }

  /** Once for each announcement: no other puller can place what this one is handling. */
  async #askOthers(pull: Pull): Promise<Standing> {
    if (pull.othersAsked) return "nothing";
    const answer = await this.#whileOurs(pull.announced, (signal) => this.#repeats.elsewhere(pull.about, signal));
    pull.othersAsked = true;
    return answer === "silent" ? "nothing" : answer;
  }

  /** True once the product's other announcement is requested: then this one is done. */
  async #requestTwin(pull: Pull, what: string): Promise<boolean> {
    const note = await this.#requestAlternate(pull.announced, what);
    if (note === undefined) {
      this.#repeats.askedFor(pull.about);
      return true;
    }
    pull.canAsk = false;
    pull.note = note;
    return false;
  }

  /** Undefined once requested; otherwise why that was not possible, to append to a reason. */
  async #requestAlternate(announced: Announced, what: string): Promise<string | undefined> {
    const { ask, events } = this.#ports;
    const asked = await this.#whileOurs(announced, (signal) => ask(announced, what, signal));
    if (asked.ok) {
      events.alternateAsked(what);
      return undefined;
    }
    events.alternateRefused(asked.reason);
    return `; no other announcement could be requested: ${asked.reason}`;
  }

  #sendReceipt({ order, announced, from }: Pull, placed: boolean): void {
    if (!this.#config.receipts || from.kind === "foreign") return;
    const { key, closedMs } = order;
    const { timestampSeconds, marks } = announced;
    const mayJoin = from.kind === "first" && marks.joined === true;
    this.#ports.sendReceipt({ key, timestampSeconds, closedMs }, { placed, mayJoin });
  }

  #deadLetter(reason: string, from: Provenance): Disposition {
    const why = from.kind === "twin" ? `both failed: first: ${from.winnerReason}; then: ${reason}` : reason;
    this.#ports.events.gaveUp(why, from.kind);
    return { deadLetter: why };
  }

  #noteOutcome(outcome: Outcome, origin: string, beganMs: number): void {
    const { events, now } = this.#ports;
    const change = this.#origins.note(outcome, origin, beganMs, now());
    if (change === "answered") events.originAnswered(origin);
    const silence = change === "silent" && this.#origins.silenceOf(origin);
    if (silence) events.originSilent(silence);
  }

  /** Waits while this host can't accept the product. True if another puller should have it instead. */
  async #hold(pull: Pull, fault: LocalFault): Promise<boolean> {
    const { now } = this.#ports;
    const { localHoldMs, localRetryDelayMaxMs } = this.#config;
    const { announced } = pull;
    this.#local.tell(fault);
    pull.heldSinceMs ??= now();
    if (now() - pull.heldSinceMs >= localHoldMs) {
      // Pause anyway: if no other puller has room, it is redelivered at once.
      await this.#wait(localRetryDelayMaxMs, announced);
      return true;
    }
    pull.localFaults += 1;
    await this.#wait(
      backoffMs({ minMs: localRetryDelayMinMs, maxMs: localRetryDelayMaxMs }, pull.localFaults),
      announced,
    );
    return false;
  }

  #wait(delayMs: number, announced: Announced): Promise<void> {
    return this.#whileOurs(announced, (signal) => delay(delayMs, undefined, { signal }));
  }

  async #whileOurs<T>(announced: Announced, wait: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = AbortSignal.any([announced.signal, this.#stopping.signal]);
    try {
      return await wait(signal);
    } catch (error) {
      throw signal.aborted ? new Dropped("stopping, or redelivered to another puller", { cause: error }) : error;
    }
  }
}
