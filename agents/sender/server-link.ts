import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type Backoff, backoffMs } from "../lib/backoff.ts";
import { UserError } from "../lib/errors.ts";
import type { ConnectToServer, ServerConnection } from "./server-port.ts";

export interface LinkEvents {
  connected(): void;
  /** `pauseMs`: longest pause before the next attempt. */
  unreachable(reason: string, pauseMs: number): void;
  disconnected(reason: string): void;
}

/** A connection, with a tag that tells it apart from all others, also those of other processes. */
export interface LiveConnection {
  readonly connection: ServerConnection;
  /** Six hexadecimal digits. */
  readonly tag: string;
}

const tagBytes = 3;

/** Keeps one connection to a server. Reconnects after a loss, with pauses that grow until a file is delivered. */
export class ServerLink {
  readonly #connect: ConnectToServer;
  readonly #backoff: Backoff;
  readonly #events: LinkEvents;
  #live: LiveConnection | undefined;
  #failures = 0;
  #problem: string | undefined;
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

  /** Why there is no connection; undefined if there is one, or before the first attempt. */
  get problem(): string | undefined {
    return this.live ? undefined : (this.#live?.connection.endReason ?? this.#problem);
  }

  /** Resolves when there is a connection. Rejects when `signal` aborts. */
  async ready(signal: AbortSignal): Promise<void> {
    while (!this.live) {
      signal.throwIfAborted();
      this.#dropEnded();
      if (this.#failures > 0) await delay(backoffMs(this.#backoff, this.#failures), undefined, { signal });
      await this.#open(signal);
    }
  }

  /** A file was delivered: the server is healthy. */
  proven(): void {
    this.#failures = 0;
  }

  close(): void {
    this.#isClosed = true;
    this.#live?.connection.close();
  }

  async #open(signal: AbortSignal): Promise<void> {
    // Counts as a failure until a file is delivered: a server that accepts the login and then disconnects needs pauses too.
    this.#failures += 1;
    try {
      const connection = await this.#connect(signal);
      this.#live = { connection, tag: randomBytes(tagBytes).toString("hex") };
      this.#problem = undefined;
      if (this.#isClosed) connection.close();
      else this.#events.connected();
    } catch (error) {
      if (signal.aborted) throw error;
      this.#problem = error instanceof UserError ? error.format() : (error as Error).message;
      this.#events.unreachable(
        this.#problem,
        backoffMs(this.#backoff, this.#failures, () => 1),
      );
    }
  }

  #dropEnded(): void {
    if (!this.#live) return;
    this.#problem = this.#live.connection.endReason;
    this.#live = undefined;
    this.#events.disconnected(this.#problem ?? "unknown");
  }
}
