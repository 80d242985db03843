import { setTimeout as delay } from "node:timers/promises";
import { clockMax, type Inquiry, othersMax, type PeerMessage, type Standing } from "./peer-message.ts";

/** Longer than running pullers need to answer one that has just started. It matters only at the very first start, see `Peers`. */
const settleMsDefault = 2000;

/** `silent`: some did not answer in time. */
export type PeerAnswer = Standing | "silent";

export interface PeersOptions {
  /** This puller's name, the same after a restart: host and folder. */
  readonly self: string;
  /** Prefix of the names of questions; different in each process. */
  readonly nonce: string;
  /** Pullers that the previous process knew. */
  readonly known: readonly string[];
  readonly waitMs: number;
  readonly settleMs?: number;
  /** Sends to all pullers, at once or not at all: without a connection the message is dropped, see `connected`. */
  readonly send: (message: PeerMessage) => void;
  /** What this puller has done with a product. Waits for a pull in progress, unless `answerNow` aborts. */
  readonly standingOf: (about: Inquiry, answerNow: AbortSignal) => Promise<Standing>;
  /** Pullers that did not answer within `waitMs`. They are not waited for again until they send a message. */
  readonly onSilent: (others: readonly string[]) => void;
  /** Pullers to wait for, on each change and before any puller is asked; saved for the next process. */
  readonly onKnown: (others: readonly string[]) => void;
}

interface Question {
  readonly about: Inquiry;
  readonly clock: number;
  /** Sent on the current connection. */
  isOut: boolean;
  /** Pullers that have done nothing with the product. */
  readonly denied: Set<string>;
  readonly answer: PromiseWithResolvers<PeerAnswer>;
}

/**
 * What the pullers know of each other. If a puller's ack is lost with its connection, it has placed a product whose announcement
 * the broker redelivers to another puller. That one asks, and every puller that receives the question answers. Normally no
 * messages are sent, and nothing is kept at the broker.
 *
 * Why no answer is missed: a puller answers by a queue of the connection by which it consumes announcements. While it has no
 * connection, it is waited for. Once it has one, it sends `here` and is asked again; by then its products of the old connection
 * are placed or dropped, not in progress.
 *
 * Which pullers to wait for does not depend on timing: a puller remembers on disk those it knew, and each answer names those that
 * its sender knows. Only a puller that never ran before and receives no message has to assume that it is alone.
 *
 * If two pullers have announcements of one product and both ask, they do as in Ricart and Agrawala's lock: the one that asked
 * first, by Lamport's clock and then by name, answers when it is done; the other one answers at once. So there is no deadlock.
 */
export class Peers {
  readonly #options: PeersOptions;
  /** All that ever sent a message, at most `othersMax`; false: did not answer. One that exits is kept: its last acks may have been lost. */
  readonly #others = new Map<string, boolean>();
  readonly #questions = new Map<string, Question>();
  /** By key: other pullers' questions that wait until this puller is done with the product. */
  readonly #unanswered = new Map<string, Set<AbortController>>();
  #sequence = 0;
  #clock = 0;
  #isConnected = false;
  #isRefused = false;
  /** Running pullers have had time to send `here`. */
  #isSettled = false;
  #settling: NodeJS.Timeout | undefined;

  constructor(options: PeersOptions) {
    this.#options = options;
    for (const other of options.known.slice(0, othersMax)) if (other !== options.self) this.#others.set(other, true);
  }

  /** Other pullers that are known, and how many of them did not answer. */
  get counts(): { readonly known: number; readonly silent: number } {
    return { known: this.#others.size, silent: [...this.#others.values()].filter((answers) => !answers).length };
  }

  /** This puller can now receive and send; called again after each loss of either. */
  connected(): void {
    this.#isConnected = true;
    this.#isRefused = false;
    this.#settling ??= setTimeout(() => {
      this.#isSettled = true;
      this.#concludeAll();
    }, this.#options.settleMs ?? settleMsDefault).unref();
    this.#options.send({ kind: "here", from: this.#options.self, asksBack: true });
    this.#sendQuestions();
  }

  /** Messages may be missed from now on. Questions are asked again later, even if they were answered meanwhile. */
  disconnected(): void {
    this.#isConnected = false;
    for (const question of this.#questions.values()) question.isOut = false;
  }

  /** The broker does not let pullers message each other: no puller is waited for. */
  refused(): void {
    this.#isRefused = true;
    this.#concludeAll();
  }

  /**
   * Asks what other pullers have done with a product. Resolves to the first one's standing, to `nothing` once all have answered
   * so, or to `silent` after `waitMs`. Rejects when `signal` aborts.
   */
  async ask(about: Inquiry, signal: AbortSignal): Promise<PeerAnswer> {
    const { waitMs, nonce, onSilent } = this.#options;
    const name = `${nonce}-${++this.#sequence}`;
    this.#clock = Math.min(this.#clock + 1, clockMax);
    const answer = Promise.withResolvers<PeerAnswer>();
    const question: Question = { about, clock: this.#clock, isOut: false, denied: new Set(), answer };
    this.#questions.set(name, question);
    // They asked before, and this puller now waits for their answers.
    for (const unanswered of this.#unanswered.get(about.key) ?? []) unanswered.abort();
    const ended = new AbortController();
    try {
      this.#send(name, question);
      this.#conclude(question);
      const timeout = delay(waitMs, "silent" as const, { signal: AbortSignal.any([signal, ended.signal]) });
      const standing = await Promise.race([answer.promise, timeout]);
      if (standing !== "silent") return standing;
      const silent = this.#awaitedBy(question);
      // A question that was never sent proves nothing about them.
      if (question.isOut) this.#note(silent, false);
      onSilent(silent);
      return standing;
    } finally {
      this.#questions.delete(name);
      ended.abort();
    }
  }

  onMessage(message: PeerMessage): void {
    const { from } = message;
    const { self } = this.#options;
    if (from === self) return;
    this.#note([from], true);
    switch (message.kind) {
      case "here":
        if (!message.asksBack) break;
        this.#options.send({ kind: "here", from: self, asksBack: false });
        // Its answer from before it lost its connection may be out of date.
        for (const question of this.#questions.values()) question.denied.delete(from);
        this.#sendQuestions();
        break;
      case "ask":
        this.#clock = Math.max(this.#clock, message.clock);
        void this.#answer(message);
        break;
      case "answer":
        if (message.to === self) this.#onAnswer(message);
    }
  }

  /** Notes that pullers answer or not, and has changes saved for the next process. */
  #note(others: readonly string[], answers: boolean): void {
    let hasChanged = false;
    for (const other of others) {
      if (this.#others.get(other) === answers || !this.#hasRoomFor(other)) continue;
      this.#others.set(other, answers);
      hasChanged = true;
    }
    if (hasChanged) this.#options.onKnown(this.#answeringPullers);
  }

  /** Names come from foreign messages. Beyond the limit a new one replaces one that did not answer; if there is none, it is ignored. */
  #hasRoomFor(other: string): boolean {
    if (this.#others.has(other) || this.#others.size < othersMax) return true;
    const silent = [...this.#others].find(([, answers]) => !answers);
    return silent !== undefined && this.#others.delete(silent[0]);
  }

  get #answeringPullers(): string[] {
    return [...this.#others].flatMap(([other, answers]) => (answers ? [other] : []));
  }

  #onAnswer({ from, question: name, standing, others = [] }: PeerMessage & { kind: "answer" }): void {
    // Noted before the answer counts, because it may be the last one awaited. Pullers already known here are left as they are.
    this.#note(
      others.filter((other) => other !== this.#options.self && !this.#others.has(other)),
      true,
    );
    const question = this.#questions.get(name);
    if (!question) return;
    if (standing !== "nothing") question.answer.resolve(standing);
    if (this.#others.has(from)) question.denied.add(from);
    this.#conclude(question);
  }

  async #answer({ about, from: to, question, clock }: PeerMessage & { kind: "ask" }): Promise<void> {
    const { standingOf, send, self } = this.#options;
    const answerNow = new AbortController();
    if (this.#yieldsTo({ key: about.key, from: to, clock })) answerNow.abort();
    const unanswered = this.#unanswered.get(about.key) ?? new Set();
    this.#unanswered.set(about.key, unanswered.add(answerNow));
    const standing = await standingOf(about, answerNow.signal);
    unanswered.delete(answerNow);
    if (unanswered.size === 0) this.#unanswered.delete(about.key);
    send({ kind: "answer", from: self, to, question, standing, others: this.#answeringPullers });
  }

  /** Whether this puller asks about the same product and has asked later. */
  #yieldsTo({ key, from, clock }: { key: string; from: string; clock: number }): boolean {
    return [...this.#questions.values()].some(
      (own) => own.about.key === key && (own.clock > clock || (own.clock === clock && this.#options.self > from)),
    );
  }

  #sendQuestions(): void {
    for (const [name, question] of this.#questions) this.#send(name, question);
  }

  #send(name: string, question: Question): void {
    if (!this.#isConnected) return;
    question.isOut = true;
    const { about, clock } = question;
    this.#options.send({ kind: "ask", from: this.#options.self, question: name, about, clock });
  }

  #concludeAll(): void {
    for (const question of this.#questions.values()) this.#conclude(question);
  }

  #conclude(question: Question): void {
    const isAnswered = this.#isSettled && question.isOut && this.#awaitedBy(question).length === 0;
    if (isAnswered || this.#isRefused) question.answer.resolve("nothing");
  }

  #awaitedBy({ denied }: Question): string[] {
    return this.#answeringPullers.filter((other) => !denied.has(other));
  }
}
