import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { aborted } from "./aborted.ts";
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
  /** Told of every message once the broker has it: how long it waited since `publish`. */
  onConfirmed?(message: SpooledMessage, waitedMs: number): void;
  /**
   * Where it is there: a message that no queue takes is told and done with, for exchanges whose clients come and go. Without it such a
   * message stays in the spool and is sent again until some queue takes it.
   */
  onUnclaimed?(message: SpooledMessage): void;
  /** Told of every attempt that failed. */
  onFailed?(message: SpooledMessage, outcome: PublishOutcome): void;
}

const spooledMessage = z.strictObject({
  exchange: z.string(),
  routingKey: z.string(),
  body: z.base64().transform((text) => Buffer.from(text, "base64")),
  headers: z.record(z.string(), z.unknown()).optional(),
  contentType: z.string().optional(),
});

const retryBackoff = { minMs: 200, maxMs: 10_000 };

/**
 * Publishes what is in a spool, in order, many in flight, and each again until the broker confirms it. `publish` resolves when
 * the message is on disk; from then on neither a broker that is away nor a kill of this process loses it. After a kill, what
 * was in flight goes out once more.
 */
export class SpooledPublisher {
  readonly #options: SpooledPublisherOptions;
  readonly #stopped = new AbortController();
  /** Taken from the spool, not confirmed yet. */
  readonly #underway = new Map<number, Promise<void>>();
  #lastTaken = 0;
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

  /** Messages that no queue takes at the moment: exchange and bindings are not what they should be. */
  get unroutable(): number {
    return this.#returnedCount;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when the message is on disk. Rejects when the spool is full or can't be written; then it is not taken. */
  async publish(message: SpooledMessage): Promise<void> {
    const { body, ...rest } = message;
    await this.#options.spool.append(Buffer.from(JSON.stringify({ ...rest, body: body.toString("base64") })));
    this.#wake.resolve();
  }

  /** True when everything was confirmed, false when `signal` came first. */
  async drained(signal: AbortSignal): Promise<boolean> {
    while (this.#options.spool.count > 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#drainWaiters.push(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    return this.#options.spool.count === 0;
  }

  /** Stops taking from the spool. What is left in it, and what is not confirmed yet, is sent by the next process. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#wake.resolve();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { spool } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers();
      for (const entry of spool.entries()) {
        if (entry.sequence <= this.#lastTaken) continue;
        await this.#room();
        if (signal.aborted) return;
        this.#lastTaken = entry.sequence;
        this.#send(entry);
      }
      await this.#wake.promise;
    }
  }

  /** Waits for a connection and for room in the window; with no queue to take them, messages stay in the spool too. */
  async #room(): Promise<void> {
    const { session } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted && session.state !== "closed") {
      if (session.state === "connecting") await session.ready(signal).catch(() => {});
      else if (!session.isWritable) await Promise.race([session.writable(), aborted(signal)]);
      else if (this.#underway.size >= inFlightMax) await Promise.race([...this.#underway.values(), aborted(signal)]);
      else return;
    }
  }

  #send(entry: SpoolEntry): void {
    const message = this.#read(entry);
    if (!message) return;
    const work = this.#sendUntilConfirmed(entry, message).finally(() => this.#underway.delete(entry.sequence));
    this.#underway.set(entry.sequence, work);
  }

  async #sendUntilConfirmed(entry: SpoolEntry, message: SpooledMessage): Promise<void> {
    const { session, onConfirmed, onFailed, onUnclaimed } = this.#options;
    const { signal } = this.#stopped;
    const { exchange, routingKey, body, headers, contentType } = message;
    let wasReturned = false;
    for (let attempt = 1; !signal.aborted && session.state !== "closed"; attempt++) {
      const outcome = await session.publish(exchange, routingKey, body, {
        ...(headers ? { headers } : {}),
        ...(contentType === undefined ? {} : { contentType }),
      });
      if (outcome === "returned" && onUnclaimed) {
        this.#done(entry);
        onUnclaimed(message);
        return;
      }
      if (wasReturned !== (outcome === "returned")) this.#returnedCount += wasReturned ? -1 : 1;
      wasReturned = outcome === "returned";
      if (outcome === "confirmed") {
        this.#done(entry);
        onConfirmed?.(message, Date.now() - entry.appendedAtMs);
        return;
      }
      onFailed?.(message, outcome);
      if (outcome === "lost") await session.ready(signal).catch(() => {});
      else await sleep(backoffMs(retryBackoff, attempt), undefined, { signal }).catch(() => {});
    }
  }

  #done({ sequence }: SpoolEntry): void {
    const { spool } = this.#options;
    spool.done(sequence);
    if (spool.count === 0) for (const resolve of this.#drainWaiters.splice(0)) resolve();
  }

  #read(entry: SpoolEntry): SpooledMessage | undefined {
    try {
      const { headers, contentType, ...message } = spooledMessage.parse(JSON.parse(entry.payload.toString("utf8")));
      return { ...message, ...(headers ? { headers } : {}), ...(contentType === undefined ? {} : { contentType }) };
    } catch (error) {
      // Its CRC was good, so another version of this program wrote it. It stays in the spool: nothing is dropped silently.
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
