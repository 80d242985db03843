import { setTimeout as delay } from "node:timers/promises";
import { clockMax, type Inquiry, othersMax, type PeerMessage, type Standing } from "./peer-message.ts";

/** Longer than it takes pullers that run to answer one that has just begun. All that matters to is the first start ever, see `Peers`. */
const settleMsDefault = 2000;

/** `silent`: some gave no answer in time. */
export type PeerAnswer = Standing | "silent";

export interface PeersOptions {
  /** This puller, also after a restart: host and folder. */
  readonly self: string;
  /** Begins the names of questions; another one in each process. */
  readonly nonce: string;
  /** Whom the process before this one knew. */
  readonly known: readonly string[];
  readonly waitMs: number;
  readonly settleMs?: number;
  /** To all pullers, at once or not at all: without a connection it goes nowhere, see `connected`. */
  readonly send: (message: PeerMessage) => void;
  /** What this puller has done with a product; waits for what is being done, but not when `sooner` aborts. */
  readonly standingOf: (about: Inquiry, sooner: AbortSignal) => Promise<Standing>;
  /** Pullers that gave no answer within `waitMs`; they are not waited for again until they say something. */
  readonly onSilent: (others: readonly string[]) => void;
  /** Whom to wait for, each time that it changes, for the process after this one; before anybody is asked. */
  readonly onKnown: (others: readonly string[]) => void;
}

interface Question {
  readonly about: Inquiry;
  readonly clock: number;
  /** Sent since this puller can hear. */
  isOut: boolean;
  /** Who has nothing of it. */
  readonly denied: Set<string>;
  readonly word: PromiseWithResolvers<PeerAnswer>;
}

/**
 * What the pullers know of each other. A puller whose ack dies with its connection has placed a product that the broker gives to
 * another one, which asks: and whoever hears answers. Nothing is said in the ordinary course, and nothing is kept at the broker.
 *
 * Why no word is missed: a puller answers by a queue of the connection that it consumes by. So while it has no connection it is
 * waited for; once it has one, says so (`here`) and is asked again, what it had by the old one is placed or dropped, not under way.
 *
 * Whom to wait for is no matter of time: a puller remembers on disk whom it knew, and each answer names whom that one knows. Only who never ran
 * before, and hears of nobody, has to guess that nobody is there.
 *
 * Where two have announcements of one product in hand and both ask, they do what Ricart and Agrawala's two do who want the same lock: who
 * asked first, by Lamport's clock and then by name, answers when it is done; the other one answers at once. So nobody waits in a circle.
 */
export class Peers {
  readonly #options: PeersOptions;
  /**
   * All that have ever spoken, at most `othersMax`; false: did not answer. One that ends says nothing of it: its last acks may have died with
   * it.
   */
  readonly #others = new Map<string, boolean>();
  readonly #questions = new Map<string, Question>();
  /** By key: questions of others that wait until this puller is done with the product. */
  readonly #owed = new Map<string, Set<AbortController>>();
  #sequence = 0;
  #clock = 0;
  #isConnected = false;
  #isRefused = false;
  /** Pullers that run have had time to say so. */
  #isSettled = false;
  #settling: NodeJS.Timeout | undefined;

  constructor(options: PeersOptions) {
    this.#options = options;
    for (const other of options.known.slice(0, othersMax)) if (other !== options.self) this.#others.set(other, true);
  }

  /** Other pullers that are known, and those of them that did not answer. */
  get counts(): { readonly known: number; readonly silent: number } {
    return { known: this.#others.size, silent: [...this.#others.values()].filter((answers) => !answers).length };
  }

  /** From now on this puller hears the others, and is heard; again after each loss of what it hears or speaks by. */
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

  /** Nothing is heard any more. Who answered meanwhile is asked again. */
  disconnected(): void {
    this.#isConnected = false;
    for (const question of this.#questions.values()) question.isOut = false;
  }

  /** The broker doesn't let pullers hear each other: nobody is waited for. */
  refused(): void {
    this.#isRefused = true;
    this.#concludeAll();
  }

  /**
   * What another puller has done with a product: its word at once, `nothing` when all have said so, `silent` when `waitMs` is over
   * before. Rejects when `signal` aborts.
   */
  async ask(about: Inquiry, signal: AbortSignal): Promise<PeerAnswer> {
    const { waitMs, nonce, onSilent } = this.#options;
    const name = `${nonce}-${++this.#sequence}`;
    this.#clock = Math.min(this.#clock + 1, clockMax);
    const word = Promise.withResolvers<PeerAnswer>();
    const question: Question = { about, clock: this.#clock, isOut: false, denied: new Set(), word };
    this.#questions.set(name, question);
    // They asked before, and this puller now waits for their answers.
    for (const owed of this.#owed.get(about.key) ?? []) owed.abort();
    const over = new AbortController();
    try {
      this.#send(name, question);
      this.#conclude(question);
      const late = delay(waitMs, "silent" as const, { signal: AbortSignal.any([signal, over.signal]) });
      const said = await Promise.race([word.promise, late]);
      if (said !== "silent") return said;
      const silent = this.#awaitedBy(question);
      // Who could not ask knows nothing of them.
      if (question.isOut) this.#note(silent, false);
      onSilent(silent);
      return said;
    } finally {
      this.#questions.delete(name);
      over.abort();
    }
  }

  heard(message: PeerMessage): void {
    const { from } = message;
    const { self } = this.#options;
    if (from === self) return;
    this.#note([from], true);
    switch (message.kind) {
      case "here":
        if (!message.asksBack) break;
        this.#options.send({ kind: "here", from: self, asksBack: false });
        // What it said before it lost its connection may be less than what it knows now.
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

  /** Of pullers that it has heard nothing of before, or that changed, the next process is to know. */
  #note(others: readonly string[], answers: boolean): void {
    let hasChanged = false;
    for (const other of others) {
      if (this.#others.get(other) === answers || !this.#hasRoomFor(other)) continue;
      this.#others.set(other, answers);
      hasChanged = true;
    }
    if (hasChanged) this.#options.onKnown(this.#answering);
  }

  /** Names are what others wrote: one more than the bound takes the place of one that did not answer, or is nobody's. */
  #hasRoomFor(other: string): boolean {
    if (this.#others.has(other) || this.#others.size < othersMax) return true;
    const silent = [...this.#others].find(([, answers]) => !answers);
    return silent !== undefined && this.#others.delete(silent[0]);
  }

  get #answering(): string[] {
    return [...this.#others].flatMap(([other, answers]) => (answers ? [other] : []));
  }

  #onAnswer({ from, question: name, standing, others = [] }: PeerMessage & { kind: "answer" }): void {
    // Before this answer counts: it may be the last that was waited for. Of one that this puller waited for in vain it knows better.
    this.#note(
      others.filter((other) => other !== this.#options.self && !this.#others.has(other)),
      true,
    );
    const question = this.#questions.get(name);
    if (!question) return;
    if (standing !== "nothing") question.word.resolve(standing);
    if (this.#others.has(from)) question.denied.add(from);
    this.#conclude(question);
  }

  async #answer({ about, from: to, question, clock }: PeerMessage & { kind: "ask" }): Promise<void> {
    const { standingOf, send, self } = this.#options;
    const sooner = new AbortController();
    if (this.#yieldsTo({ key: about.key, from: to, clock })) sooner.abort();
    const owed = this.#owed.get(about.key) ?? new Set();
    this.#owed.set(about.key, owed.add(sooner));
    const standing = await standingOf(about, sooner.signal);
    owed.delete(sooner);
    if (owed.size === 0) this.#owed.delete(about.key);
    send({ kind: "answer", from: self, to, question, standing, others: this.#answering });
  }

  /** Whether this puller asks about the same product, and has asked later. */
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
    if (isAnswered || this.#isRefused) question.word.resolve("nothing");
  }

  #awaitedBy({ denied }: Question): string[] {
    return this.#answering.filter((other) => !denied.has(other));
  }
}
