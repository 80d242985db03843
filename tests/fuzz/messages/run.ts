import { createHash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import type { ConsumeMessage } from "amqplib";
import type fc from "fast-check";
import { deadLetterExchange, deadLetterQueue } from "../../../agents/lib/topology.ts";
import { encodeContentHeader, framePayloadMax, type RawMessage } from "../amqp/frames.ts";
import type { Rig } from "../rig.ts";
import { type Counts, describe, inRig } from "../run.ts";
import { draw, indicesOf, isValidTurn } from "../seeds.ts";
import type { BrokerRunner, FuzzOptions } from "../subject.ts";
import type { Draft, Mutation, Parts } from "./draft.ts";

/** What a message comes out as. */
export interface Expected {
  /** What must be counted once for each of these if it is valid, and all of it if it is not refused. */
  readonly outs: readonly string[];
  /** What may be counted instead, beside dead letters. */
  readonly instead?: string;
  /** At most so often for `count` equal messages, with `refused` of them refused; undefined: whatever else comes out as that. */
  outMax?(count: number, refused: number): number;
  /** It may be passed over without a word. */
  readonly mayVanish?: boolean;
}

/** An agent's input: the messages that are made, and how they are counted. */
export interface MessageKind {
  readonly agent: string;
  readonly config: object;
  readonly exchange: string;
  /** The agent's, which has to become empty. */
  readonly queue: string;
  readonly mutations: fc.Arbitrary<Mutation[]>;
  /** Of the valid message that mutations begin with. */
  partsOf(index: number): Parts;
  compose(parts: Parts, index: number): Draft;
  /** What is collected to be counted: queue, exchange, patterns. */
  readonly collected?: readonly (readonly [queue: string, exchange: string, patterns: readonly string[]])[];
  /** What has to be counted before anything is sent. */
  readonly readyBy?: string;
  /** As what a collected message counts; undefined: not at all. */
  counted?(message: ConsumeMessage): string | undefined;
  expected(message: FuzzMessage): Expected;
  /** How many messages the agent still has to settle; by default those in its queue and in its hands. */
  waiting?(run: MessageRun): number | Promise<number>;
  /** Messages between two waits. */
  readonly pauseEvery?: number;
  /** After each wait. */
  pause?(run: MessageRun, isLast: boolean): Promise<void>;
  /** After all is settled. @returns how many came out; by default all that was counted */
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

/** Of all messages with one body that are expected to come out as the same: they can't be told apart. */
interface Sent {
  readonly first: Pick<FuzzMessage, "index" | "what" | "isValid">;
  readonly bodyId: string;
  readonly expected: Expected;
  count: number;
}

/** So many messages wait for the agent at the most: it is to work, and not the broker's memory. */
const waitingMax = 2000;
const leftShown = 5;
/** Inputs before the event loop may go round. */
const inputsPerTurn = 20;
const messageIdBytesMax = 20;
/** Some have no id of their own. */
const withoutIdEvery = 7;

/** Tells one body from another. */
export const fingerprint = (body: Buffer): string => createHash("sha1").update(body).digest("base64");

/** The message of one index: valid, or one to three changes away from that. */
function makeMessage(kind: MessageKind, seed: number, index: number): FuzzMessage {
  const isValid = isValidTurn(index);
  const mutations = isValid ? [] : draw(kind.mutations, seed, index);
  const parts = mutations.reduce((before, { parts: change }) => change?.(before) ?? before, kind.partsOf(index));
  const draft = mutations.reduce((before, { draft: change }) => change?.(before) ?? before, kind.compose(parts, index));
  const what = isValid ? "valid" : mutations.map(({ label }) => label).join("; ");
  const isRisky = mutations.some((mutation) => mutation.isRisky);
  return fitted({ ...draft, index, isValid, what, isRisky });
}

/** Headers that don't fit into a frame together are none that a peer could send: the last ones go. */
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

/** Messages of one input, sent to an agent and counted when they come out. */
export class MessageRun {
  readonly rig: Rig;
  readonly options: FuzzOptions;
  readonly findings: string[] = [];
  /** Dead letters with a reason. */
  refused = 0;
  readonly #name: string;
  readonly #counts = new Map<string, number>();
  readonly #sent = new Map<string, Sent>();
  /** All that has come out. */
  total = 0;

  constructor(name: string, rig: Rig, options: FuzzOptions) {
    this.#name = name;
    this.rig = rig;
    this.options = options;
  }

  /** How often that has come out. */
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
    const isSettled = await this.#pour(kind);
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

  /** Sends the messages of a run and waits until the agent has settled them; false where it never did, which is a finding. */
  async #pour(kind: MessageKind): Promise<boolean> {
    const { pauseEvery = waitingMax } = kind;
    let done = 0;
    for (const index of indicesOf(this.options)) {
      const message = makeMessage(kind, this.options.seed, index);
      this.#note(message, kind.expected(message));
      await this.rig.publishing.send(index, rawOf(kind, message), message.isRisky);
      this.options.progress(++done);
      // The servers that agents ask are in this process.
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
    const waiting = kind.waiting ?? (() => this.rig.messagesIn(kind.queue));
    const stopped = await this.rig.until(async () => Math.max(0, (await waiting(this)) - left));
    if (stopped === undefined) return true;
    const found = kind.waiting ? [] : await this.rig.leftIn(kind.queue);
    const again = found.filter(({ fields }) => fields.redelivered);
    this.findings.push(`${stopped}; ${found.length} messages were left, ${again.length} of them had been given out`);
    const ids = new Set(again.map(({ content }) => fingerprint(content)));
    const inHand = [...this.#sent.values()].filter(({ bodyId }) => ids.has(bodyId)).slice(0, leftShown);
    for (const { first } of inHand) this.findings.push(`was in hand: ${this.describe(first)}`);
    return false;
  }

  #note({ index, what, isValid, body }: FuzzMessage, expected: Expected): void {
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
    const told = `${came.join(", ")} came out, ${refused} refused: ${this.describe(first)}`;
    const fewest = came.length > 0 ? Math.min(...came) : 0;
    if (first.isValid && (refused > 0 || came.some((out) => out !== 1))) this.findings.push(`valid, but ${told}`);
    else if (!first.isValid && !mayVanish && fewest + refused === 0) this.findings.push(`lost: ${told}`);
    else if (refused > count) this.findings.push(`refused more often than sent (${count}): ${told}`);
    else if (outMax && Math.max(...came) > outMax(count, refused)) this.findings.push(`came out too often: ${told}`);
  }
}

/** A subject whose messages are made by a kind; `open` makes what the agent needs: folders, servers. */
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
