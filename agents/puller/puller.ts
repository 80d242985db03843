import { setTimeout as delay } from "node:timers/promises";
import type { ReceivedMessage } from "../lib/announcement.ts";
import { backoffMs } from "../lib/backoff.ts";
import type { Disposition } from "../lib/consumer.ts";
import type { Config } from "./config.ts";
import type { DownloadOptions, FaultCause, Outcome } from "./download.ts";
import { type Order, planNextStep, readOrder } from "./order.ts";
import { type IncomingFile, LocalFault } from "./receiver-queue.ts";

/** One announcement in hand. `signal` aborts when it is ours no more: the broker gives it to another puller. */
export interface Announced extends ReceivedMessage {
  readonly redelivered: boolean;
  readonly signal: AbortSignal;
}

/** The world as the puller needs it. */
export interface PullerPorts {
  readonly download: (options: DownloadOptions) => Promise<Outcome>;
  readonly receive: () => Promise<IncomingFile>;
  readonly sizeOf: (fileName: string) => Promise<number | undefined>;
  readonly now: () => number;
  readonly events: PullerEvents;
}

/** What happens, for the log and the metrics. */
export interface PullerEvents {
  pulled(order: Order, bytes: number, durationMs: number): void;
  alreadyThere(order: Order): void;
  retried(order: Order, cause: FaultCause, text: string, delayMs: number): void;
  gaveUp(reason: string): void;
  /** This host takes no products; told once, until `localCleared`. */
  localFault(fault: LocalFault): void;
  localCleared(): void;
}

/** The pull was dropped, not failed: the agent stops, or the announcement is ours no more. */
class Dropped extends Error {}

// Enough for everything the broker may give out twice after one lost connection, at any prefetch.
const placedRememberedMax = 10_000;
const localRetryDelayMinMs = 100;

/** Pulls one announced product after the other into the receiver queue, whole or not at all. */
export class Puller {
  readonly #config: Config;
  readonly #ports: PullerPorts;
  readonly #stopping = new AbortController();
  /** Placed by this process, the latest last: their acks may have been lost with a connection. */
  readonly #placed = new Set<string>();
  #fault: LocalFault | undefined;

  constructor(config: Config, ports: PullerPorts) {
    this.#config = config;
    this.#ports = ports;
  }

  /** Why this host takes no products at the moment; undefined where it does. */
  get localFault(): LocalFault | undefined {
    return this.#fault;
  }

  /** What waits for a retry goes back to the queue; what is being fetched is finished. */
  stop(): void {
    this.#stopping.abort(new Dropped("stopping"));
  }

  /**
   * Acked: the product is in the receiver queue, on disk. Dead letter: the announcement is malformed, or all tries failed.
   * Requeued: the agent stops, or this host has had no room for `localHoldMs`.
   */
  async handle(announced: Announced): Promise<Disposition> {
    const order = readOrder(announced, this.#config);
    if (!order.ok) {
      this.#ports.events.gaveUp(order.reason);
      return { deadLetter: order.reason };
    }
    try {
      return await this.#pull(order.value, announced);
    } catch (error) {
      if (error instanceof Dropped || announced.signal.aborted) return "requeue";
      throw error;
    }
  }

  async #pull(order: Order, announced: Announced): Promise<Disposition> {
    const { events, now } = this.#ports;
    const startedMs = now();
    let heldSinceMs: number | undefined;
    let localFaults = 0;
    for (let tries = 1; ; ) {
      try {
        if (announced.redelivered && (await this.#isThere(order))) {
          events.alreadyThere(order);
          return "ack";
        }
        const outcome = await this.#tryOnce(order, announced.signal);
        this.#clearFault();
        if (outcome.kind === "whole") {
          this.#remember(order);
          events.pulled(order, outcome.bytes, now() - startedMs);
          return "ack";
        }
        const next = planNextStep(outcome, tries, this.#config);
        if (next.kind === "give-up") {
          events.gaveUp(next.reason);
          return { deadLetter: next.reason };
        }
        events.retried(order, outcome.cause, outcome.text, next.delayMs);
        tries += 1;
        heldSinceMs = undefined;
        await this.#wait(next.delayMs, announced.signal);
      } catch (error) {
        if (!(error instanceof LocalFault)) throw error;
        if (error.code === "ENAMETOOLONG") return { deadLetter: "the file name is too long for this file system" };
        this.#tell(error);
        heldSinceMs ??= now();
        if (now() - heldSinceMs >= this.#config.localHoldMs) {
          // Paused all the same: where no other puller has room, it comes straight back.
          await this.#wait(this.#config.localRetryDelayMaxMs, announced.signal);
          return "requeue";
        }
        localFaults += 1;
        const limits = { minMs: localRetryDelayMinMs, maxMs: this.#config.localRetryDelayMaxMs };
        await this.#wait(backoffMs(limits, localFaults), announced.signal);
      }
    }
  }

  async #tryOnce(
    order: Order,
    signal: AbortSignal,
  ): Promise<{ readonly kind: "whole"; readonly bytes: number } | Exclude<Outcome, { kind: "whole" }>> {
    const file = await this.#ports.receive();
    try {
      const outcome = await this.#ports.download({
        url: order.url,
        sizeBytes: order.sizeBytes,
        productBytesMax: this.#config.productBytesMax,
        deadlineMs: this.#config.pullDeadlineMs,
        signal,
        onChunk: (chunk) => file.write(chunk),
      });
      if (outcome.kind === "fault") {
        await file.discard();
        return outcome;
      }
      // Another puller has the announcement by now, and places it: a second copy would be ingested twice.
      if (signal.aborted) throw new Dropped("the announcement was given to another puller");
      await file.place(order.fileName);
      return { kind: "whole", bytes: file.size };
    } catch (error) {
      await file.discard();
      throw error;
    }
  }

  /** Placed before, and only the ack was lost: by this process, or by the one before it. */
  async #isThere(order: Order): Promise<boolean> {
    if (this.#placed.has(keyOf(order))) return true;
    const size = await this.#ports.sizeOf(order.fileName);
    return size !== undefined && size === order.sizeBytes;
  }

  #remember(order: Order): void {
    this.#placed.add(keyOf(order));
    if (this.#placed.size <= placedRememberedMax) return;
    const oldest = this.#placed.values().next().value;
    if (oldest !== undefined) this.#placed.delete(oldest);
  }

  async #wait(delayMs: number, signal: AbortSignal): Promise<void> {
    try {
      await delay(delayMs, undefined, { signal: AbortSignal.any([signal, this.#stopping.signal]) });
    } catch (error) {
      throw new Dropped("stopping, or given to another puller", { cause: error });
    }
  }

  #tell(fault: LocalFault): void {
    const known = this.#fault?.code === fault.code;
    this.#fault = fault;
    if (!known) this.#ports.events.localFault(fault);
  }

  #clearFault(): void {
    if (!this.#fault) return;
    this.#fault = undefined;
    this.#ports.events.localCleared();
  }
}

function keyOf(order: Order): string {
  return `${order.sizeBytes} ${order.url}`;
}
