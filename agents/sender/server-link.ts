import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type Backoff, backoffMs } from "../lib/backoff.ts";
import { UserError } from "../lib/errors.ts";
import type { ConnectToServer, ServerConnection } from "./server-port.ts";

export interface LinkEvents {
  connected(): void;
  /** `pauseMs` until the next try. */
  unreachable(reason: string, pauseMs: number): void;
  disconnected(reason: string): void;
}

/** A connection and what tells it from all others, of this process or not. */
export interface LiveConnection {
  readonly connection: ServerConnection;
  /** Six hexadecimal digits. */
  readonly tag: string;
}

const tagBytes = 3;

/** One connection to a server, kept; made anew where it ended, after pauses that grow until a file gets through again. */
export class ServerLink {
  readonly #connect: ConnectToServer;
  readonly #backoff: Backoff;
  readonly #events: LinkEvents;
  #live: LiveConnection | undefined;
  #failures = 0;
  #trouble: string | undefined;
  #isClosed = false;

  constructor(connect: ConnectToServer, backoff: Backoff, events: LinkEvents) {
    this.#connect = connect;
    this.#backoff = backoff;
    this.#events = events;
  }

  /** Undefined while there is none. */
  get live(): LiveConnection | undefined {
    return this.#live?.connection.endReason === undefined ? this.#live : undefined;
  }

  /** Why there is no connection; undefined where there is one, or none was tried yet. */
  get trouble(): string | undefined {
    return this.live ? undefined : (this.#live?.connection.endReason ?? this.#trouble);
  }

  /** Resolves when there is a connection. Rejects when `signal` aborts. */
  async ready(signal: AbortSignal): Promise<void> {
    while (!this.live) {
      signal.throwIfAborted();
      this.#takeLeave();
      if (this.#failures > 0) await delay(backoffMs(this.#backoff, this.#failures), undefined, { signal });
      await this.#open(signal);
    }
  }

  /** A file got through: the server is well. */
  proven(): void {
    this.#failures = 0;
  }

  close(): void {
    this.#isClosed = true;
    this.#live?.connection.close();
  }

  async #open(signal: AbortSignal): Promise<void> {
    // Counts as one until a file gets through: a server that lets us in and then hangs up is left in peace as well.
    this.#failures += 1;
    try {
      const connection = await this.#connect(signal);
      this.#live = { connection, tag: randomBytes(tagBytes).toString("hex") };
      this.#trouble = undefined;
      if (this.#isClosed) connection.close();
      else this.#events.connected();
    } catch (error) {
      if (signal.aborted) throw error;
      this.#trouble = error instanceof UserError ? error.format() : (error as Error).message;
      this.#events.unreachable(
        this.#trouble,
        backoffMs(this.#backoff, this.#failures, () => 1),
      );
    }
  }

  #takeLeave(): void {
    if (!this.#live) return;
    this.#trouble = this.#live.connection.endReason;
    this.#live = undefined;
    this.#events.disconnected(this.#trouble ?? "unknown");
  }
}
