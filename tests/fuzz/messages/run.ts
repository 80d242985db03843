import { createHash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import type { ConsumeMessage } from "amqplib";
import type fc from "fast-check";
import { deadLetterExchange, deadLetterQueue } from "../../../agents/lib/topology.ts";
import { encodeContentHeader, framePayloadMax, type RawMessage } from "../amqp/frames.ts";
import type { Rig } from "../rig.ts";
import { type Counts, describe, inRig } from "../run.ts";
import { draw, indicesOf, isValidIndex } from "../seeds.ts";
import type { BrokerRunner, FuzzOptions } from "../subject.ts";
import type { Draft, Mutation, Parts } from "./draft.ts";

/** The expected outputs of a message. */
export interface Expected {
  /** Each of these must be counted exactly once for a valid message, and at least once for another one unless it is refused. */
  readonly outs: readonly string[];
  /** An output that may replace `outs`, besides dead letters. */
  readonly instead?: string;
  /** The most that may come out for `count` equal messages, with `refused` of them refused; undefined: no limit. */
  outMax?(count: number, refused: number): number;
  /** The agent may drop it without a log line. */
  readonly mayVanish?: boolean;
}

/** An agent's input: how messages are made and counted. */
export interface MessageKind {
  readonly agent: string;
  readonly config: object;
  readonly exchange: string;
  /** The agent's queue, which must become empty. */
  readonly queue: string;
  /** So many messages stay in the queue though they are settled; default: none. */
  readonly keptMessages?: number;
  readonly mutations: fc.Arbitrary<Mutation[]>;
  /** Parts of the valid message to which mutations are applied. */
  partsOf(index: number): Parts;
  compose(parts: Parts, index: number): Draft;
  /** Queues to count: queue, exchange, patterns. */
  readonly collected?: readonly (readonly [queue: string, exchange: string, patterns: readonly string[]])[];
  /** An output that must be counted before anything is sent. */
  readonly readyBy?: string;
  /** The output for which a collected message counts; undefined: none. */
  counted?(message: ConsumeMessage): string | undefined;
  expected(message: FuzzMessage): Expected;
  /** How many messages the agent still has to settle; default: those in its queue and the unacknowledged ones. */
  waiting?(run: MessageRun): number | Promise<number>;
  /** Messages between two waits. */
  readonly pauseEvery?: number;
  /** Called after each wait. */
  pause?(run: MessageRun, isLast: boolean): Promise<void>;
  /** Called after all messages are settled. @returns how many came out; default: all counted ones */
  after?(run: MessageRun): Promise<number>;
}

/** A message of one run. */
export interface FuzzMessage extends Draft {
  readonly index: number;
  readonly isValid: boolean;
  /** Its mutations. */
  readonly what: string;
  readonly isRisky: boolean;
}

/** Messages with the same body and the same expected outputs, which can't be distinguished. */
interface Sent {
  readonly first: Pick<FuzzMessage, "index" | "what" | "isValid">;
  readonly bodyId: string;
  readonly expected: Expected;
  count: number;
}

/** The most messages that may wait for the agent: the run tests the agent, not the broker's memory. */
const waitingMax = 2000;
const leftShown = 5;
/** Inputs between two turns of the event loop. */
const inputsPerTurn = 20;
const messageIdBytesMax = 20;
/** One message in this many has no message id. */
const withoutIdEvery = 7;

/** Identifies a body. */
export const fingerprint = (body: Buffer): string => createHash("sha1").update(body).digest("base64");

/** The message of one index: valid, or with one to three changes. */
function makeMessage(kind: MessageKind, seed: number, index: number): FuzzMessage {
  const isValid = isValidIndex(index);
  const mutations = isValid ? [] : draw(kind.mutations, seed, index);
  const parts = mutations.reduce((before, { parts: change }) => change?.(before) ?? before, kind.partsOf(index));
  const draft = mutations.reduce((before, { draft: change }) => change?.(before) ?? before, kind.compose(parts, index));
  const what = isValid ? "valid" : mutations.map(({ label }) => label).join("; ");
  const isRisky = mutations.some((mutation) => mutation.isRisky);
  return fitted({ ...draft, index, isValid, what, isRisky });
}

/** Drops the last headers if all together don't fit into a frame: no peer could send them. */
function fitted(message: FuzzMessage): FuzzMessage {
  const { properties, body } = message;
  let { headers } = message;
  const bytes = () => encodeContentHeader({ ...properties, headers }, body.length).length;
  while (headers.length > 0 && bytes() + messageIdBytesMax > framePayloadMax) headers = headers.slice(0, -1);
  return { ...message, headers };
}

function rawOf({ exchange }: MessageKind, { index, routingKey, headers, properties, body }: FuzzMessage): RawMessage {
  const messageId = index % withoutIdEvery === 3 ? {} : { messageId: Buffer.from(`fuzz-${index}`) };
  return { exchange, routingKey, body, properties: { ...properties, headers, ...messageId } };
}

/** Sends the messages of one input to an agent and counts the outputs. */
export class MessageRun {
  readonly rig: Rig;
  readonly options: FuzzOptions;
  readonly findings: string[] = [];
  /** Dead letters with a reason. */
  refused = 0;
  readonly #name: string;
  readonly #counts = new Map<string, number>();
  readonly #sent = new Map<string, Sent>();
  /** Number of all outputs. */
  total = 0;

  constructor(name: string, rig: Rig, options: FuzzOptions) {
    this.#name = name;
    this.rig = rig;
    this.options = options;
  }

  /** How often an output has been counted. */
  countOf(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  count(what: string | undefined): void {
    if (what === undefined) return;
    this.#counts.set(what, this.countOf(what) + 1);
    this.total += 1;
  }

  describe(input: { readonly index: number; readonly what: string }): string {
    return describe(this.#name, this.options.seed, input);
  }

  async run(kind: MessageKind): Promise<Counts> {
    const { rig, findings } = this;
    await rig.collect(deadLetterQueue, deadLetterExchange, ["#"], (message) => this.#onDeadLetter(message));
    for (const [queue, exchange, patterns] of kind.collected ?? []) {
      await rig.collect(queue, exchange, patterns, (message) => this.count(kind.counted?.(message)));
    }
    await rig.start(kind.agent, kind.config);
    const { readyBy } = kind;
    if (readyBy !== undefined) await rig.until(() => (this.countOf(readyBy) === 0 ? 1 : 0));
    const isSettled = await this.#sendAll(kind);
    const cameOut = isSettled ? await kind.after?.(this) : undefined;
    for (const sent of isSettled ? this.#sent.values() : []) this.#judge(sent);
    return { cameOut: cameOut ?? this.total, refused: this.refused, findings };
  }

  #onDeadLetter({ content, properties }: ConsumeMessage): void {
    this.#counts.set(`dead ${fingerprint(content)}`, this.countOf(`dead ${fingerprint(content)}`) + 1);
    this.refused += 1;
    if (properties.headers?.["x-dead-reason"]) return;
    this.findings.push(`a dead letter has no reason: ${content.toString("latin1", 0, 200)}`);
  }

  /** Sends the messages of a run and waits until the agent has settled them. @returns false, with a finding, if it never does */
  async #sendAll(kind: MessageKind): Promise<boolean> {
    const { pauseEvery = waitingMax } = kind;
    let done = 0;
    for (const index of indicesOf(this.options)) {
      const message = makeMessage(kind, this.options.seed, index);
      this.#record(message, kind.expected(message));
      await this.rig.publishing.send(index, rawOf(kind, message), message.isRisky);
      this.options.progress(++done);
      // The agents' servers run in this process.
      if (done % inputsPerTurn === 0) await turn();
      if (done % pauseEvery !== 0) continue;
      if (!(await this.#settles(kind, kind.waiting ? 0 : waitingMax))) return false;
      await kind.pause?.(this, false);
    }
    if (!(await this.#settles(kind, 0))) return false;
    await kind.pause?.(this, true);
    return true;
  }

  async #settles(kind: MessageKind, left: number): Promise<boolean> {
    const { keptMessages = 0 } = kind;
    const waiting = kind.waiting ?? (async () => (await this.rig.messagesIn(kind.queue)) - keptMessages);
    const stopped = await this.rig.until(async () => Math.max(0, (await waiting(this)) - left));
    if (stopped === undefined) return true;
    const found = kind.waiting ? [] : await this.rig.leftIn(kind.queue);
    const redelivered = found.filter(({ fields }) => fields.redelivered);
    this.findings.push(`${stopped}; ${found.length} messages were left, ${redelivered.length} of them redelivered`);
    const ids = new Set(redelivered.map(({ content }) => fingerprint(content)));
    const unacknowledged = [...this.#sent.values()].filter(({ bodyId }) => ids.has(bodyId)).slice(0, leftShown);
    for (const { first } of unacknowledged) this.findings.push(`was unacknowledged: ${this.describe(first)}`);
    return false;
  }

  #record({ index, what, isValid, body }: FuzzMessage, expected: Expected): void {
    const bodyId = fingerprint(body);
    const id = `${bodyId} ${expected.outs}`;
    const known = this.#sent.get(id);
    if (known) known.count += 1;
    else this.#sent.set(id, { first: { index, what, isValid }, bodyId, expected, count: 1 });
  }

  #judge({ first, bodyId, expected, count }: Sent): void {
    if (this.rig.publishing.refused.has(first.index)) return;
    const { outs, instead, outMax, mayVanish = false } = expected;
    const came = outs.map((out) => this.countOf(out));
    const refused = this.countOf(`dead ${bodyId}`) + (instead === undefined ? 0 : this.countOf(instead));
    const outcome = `${came.join(", ")} came out, ${refused} refused: ${this.describe(first)}`;
    const fewest = came.length > 0 ? Math.min(...came) : 0;
    if (first.isValid && (refused > 0 || came.some((out) => out !== 1))) this.findings.push(`valid, but ${outcome}`);
    else if (!first.isValid && !mayVanish && fewest + refused === 0) this.findings.push(`lost: ${outcome}`);
    else if (refused > count) this.findings.push(`refused more often than sent (${count}): ${outcome}`);
    else if (outMax && Math.max(...came) > outMax(count, refused)) this.findings.push(`came out too often: ${outcome}`);
  }
}

/** A subject from a kind of message. @param open makes the folders and servers that the agent needs */
export function messageRunner(
  name: string,
  summary: string,
  open: (rig: Rig) => MessageKind | Promise<MessageKind>,
): BrokerRunner {
  return {
    name,
    summary,
    run: (broker, options) =>
      inRig(name, broker, options, async (rig) => new MessageRun(name, rig, options).run(await open(rig))),
  };
}
