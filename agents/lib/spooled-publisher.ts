import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { orAborted } from "./aborted.ts";
import { backoffMs } from "./backoff.ts";
import type { BrokerSession } from "./broker-session.ts";
import type { Log } from "./log.ts";
import { inFlightMax, type PublishOutcome } from "./publisher.ts";
import type { Spool, SpoolEntry } from "./spool.ts";

export interface SpooledMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly contentType?: string;
}

export interface SpooledPublisherOptions {
  readonly session: BrokerSession;
  readonly spool: Spool;
  readonly log: Log;
  /** Called for every message once the broker has it, with the time since `publish`. */
  onConfirmed?(message: SpooledMessage, waitedMs: number): void;
  /**
   * For exchanges whose clients come and go: if present, a message that no queue accepts is reported here and done. Without it,
   * such a message stays in the spool and is sent again until some queue accepts it.
   */
  onUnclaimed?(message: SpooledMessage): void;
  /** Called for every failed attempt. */
  onFailed?(message: SpooledMessage, outcome: PublishOutcome): void;
}

const spooledMessage = z.strictObject({
  exchange: z.string(),
  routingKey: z.string(),
  body: z.base64().transform((text) => Buffer.from(text, "base64")),
  headers: z.record(z.string(), z.unknown()).optional(),
  contentType: z.string().optional(),
});

/** The message as text, which takes a third of the memory of an object with its buffer. */
export const encodeMessage = ({ body, ...rest }: SpooledMessage): string =>
  JSON.stringify({ ...rest, body: body.toString("base64") });

/** @throws SyntaxError or ZodError if another version of this program made the text */
export function decodeMessage(text: string): SpooledMessage {
  const { headers, contentType, ...message } = spooledMessage.parse(JSON.parse(text));
  return { ...message, ...(headers ? { headers } : {}), ...(contentType === undefined ? {} : { contentType }) };
}

const retryBackoff = { minMs: 200, maxMs: 10_000 };
/** Messages kept in memory until they are sent; the rest of a longer queue is read from disk. */
const freshMax = 10_000;

/** A message being published. */
interface Underway {
  readonly entry: SpoolEntry;
  readonly message: SpooledMessage;
  readonly attempt: number;
  readonly wasReturned: boolean;
}

/**
 * Publishes a spool's messages in order, many in flight, each again until the broker confirms it. `publish` resolves when the
 * message is on disk; from then on neither a missing broker nor a kill of this process loses it. After a kill, what was in flight
 * is sent again.
 */
export class SpooledPublisher {
  readonly #options: SpooledPublisherOptions;
  readonly #stopped = new AbortController();
  /** Sequences not taken from the spool yet, in order. */
  #queue: number[] = [];
  /** The first of them, by sequence, in memory. */
  readonly #fresh = new Map<number, SpooledMessage>();
  /** Taken from the spool, not confirmed yet. */
  #underway = 0;
  /** Called when one of those is settled. */
  #onSettled = (): void => {};
  #returnedCount = 0;
  #wake = Promise.withResolvers<void>();
  #drainWaiters: (() => void)[] = [];
  #running: Promise<void> | undefined;

  constructor(options: SpooledPublisherOptions) {
    this.#options = options;
  }

  /** Messages that wait for their confirm. */
  get count(): number {
    return this.#options.spool.count;
  }

  get oldestMs(): number | undefined {
    return this.#options.spool.oldestMs;
  }

  /** Messages that no queue currently accepts: exchange and bindings are not as they should be. */
  get unroutable(): number {
    return this.#returnedCount;
  }

  start(): void {
    if (this.#running) return;
    this.#queue = Array.from(this.#options.spool.entries(), ({ sequence }) => sequence);
    this.#running = this.#run();
  }

  /** Resolves when the message is on disk. Rejects if the spool is full or can't be written; then the message is not accepted. */
  async publish(message: SpooledMessage): Promise<void> {
    const sequence = await this.#options.spool.append(Buffer.from(encodeMessage(message)));
    this.#queue.push(sequence);
    if (this.#fresh.size < freshMax) this.#fresh.set(sequence, message);
    this.#wake.resolve();
  }

  /** True when everything was confirmed, false if `signal` aborted first. */
  async drained(signal: AbortSignal): Promise<boolean> {
    while (this.#options.spool.count > 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#drainWaiters.push(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    return this.#options.spool.count === 0;
  }

  /** Stops publishing from the spool. The next process sends the rest and what is not confirmed yet. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#wake.resolve();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers();
      const queue = this.#queue;
      this.#queue = [];
      for (const sequence of queue) {
        if (!this.#hasRoom) await this.#room();
        if (signal.aborted) return;
        this.#take(sequence);
      }
      if (this.#queue.length === 0) await this.#wake.promise;
    }
  }

  get #hasRoom(): boolean {
    const { session } = this.#options;
    return session.state !== "connecting" && session.isWritable && this.#underway < inFlightMax;
  }

  /** Waits for a connection and for room in flight. If no queue accepts messages, they stay in the spool too. */
  async #room(): Promise<void> {
    const { session } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted && session.state !== "closed" && !this.#hasRoom) {
      if (session.state === "connecting") await session.ready(signal).catch(() => {});
      else if (!session.isWritable) await orAborted(session.writable(), signal);
      else await orAborted(this.#oneSettled(), signal);
    }
  }

  #take(sequence: number): void {
    const entry = this.#options.spool.entry(sequence);
    const message = this.#fresh.get(sequence) ?? (entry && this.#read(entry));
    this.#fresh.delete(sequence);
    if (!entry || !message) return;
    this.#underway += 1;
    this.#send({ entry, message, attempt: 1, wasReturned: false });
  }

  #send(underway: Underway): void {
    const { exchange, routingKey, body, headers, contentType } = underway.message;
    const options = { ...(headers ? { headers } : {}), ...(contentType === undefined ? {} : { contentType }) };
    try {
      this.#options.session.send(exchange, routingKey, body, options, (outcome) => this.#onOutcome(underway, outcome));
    } catch (error) {
      // A routing key too long for AMQP is its creator's fault. The message stays in the spool: nothing is dropped silently.
      this.#options.log.error({ err: error, routingKey }, "a spooled message can't be sent; it is kept");
      this.#settle();
    }
  }

  #onOutcome(underway: Underway, outcome: PublishOutcome): void {
    const { onConfirmed, onFailed, onUnclaimed } = this.#options;
    const { entry, message, wasReturned } = underway;
    const isReturned = outcome === "returned" && !onUnclaimed;
    if (wasReturned !== isReturned) this.#returnedCount += wasReturned ? -1 : 1;
    if (outcome === "confirmed" || (outcome === "returned" && onUnclaimed)) {
      this.#done(entry);
      if (outcome === "confirmed") onConfirmed?.(message, Date.now() - entry.appendedAtMs);
      else onUnclaimed?.(message);
      this.#settle();
      return;
    }
    onFailed?.(message, outcome);
    void this.#sendAgain({ ...underway, wasReturned: isReturned }, outcome);
  }

  async #sendAgain(underway: Underway, outcome: PublishOutcome): Promise<void> {
    const { session } = this.#options;
    const { signal } = this.#stopped;
    if (outcome === "lost") await session.ready(signal).catch(() => {});
    else await sleep(backoffMs(retryBackoff, underway.attempt), undefined, { signal }).catch(() => {});
    if (signal.aborted || session.state === "closed") this.#settle();
    else this.#send({ ...underway, attempt: underway.attempt + 1 });
  }

  #oneSettled(): Promise<void> {
    return new Promise((resolve) => {
      this.#onSettled = resolve;
    });
  }

  /** One message less in flight. */
  #settle(): void {
    this.#underway -= 1;
    this.#onSettled();
  }

  #done({ sequence }: SpoolEntry): void {
    const { spool } = this.#options;
    spool.done(sequence);
    if (spool.count === 0) for (const resolve of this.#drainWaiters.splice(0)) resolve();
  }

  #read(entry: SpoolEntry): SpooledMessage | undefined {
    try {
      return decodeMessage(entry.payload.toString("utf8"));
    } catch (error) {
      // Its CRC is valid, so another version of this program wrote it. It stays in the spool: nothing is dropped silently.
      this.#options.log.error({ err: error, sequence: entry.sequence }, "a spooled message can't be read; it is kept");
      return undefined;
    }
  }
}

export function openSpooledPublisher(options: SpooledPublisherOptions): SpooledPublisher {
  const publisher = new SpooledPublisher(options);
  publisher.start();
  return publisher;
}
