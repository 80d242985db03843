import type { Duplex } from "node:stream";
import type { Client } from "ssh2";
import { abortable } from "./abortable.ts";
import { type Connection, connectionKey, endpointName } from "./connection.ts";
import { DialError, dial } from "./dial.ts";
import { Slots } from "./slots.ts";

/** sshd's default MaxSessions is 10; this leaves room for an interactive shell. */
const sessionsMax = 8;

/** A caller can stop waiting, and is informed of retries. */
export interface Caller {
  readonly signal: AbortSignal;
  log(severity: "info", message: string, options: { status: boolean }): void;
}

/** A logged-in connection: its client, its session slots, and whether it is lost. */
export interface Entered {
  readonly client: Client;
  readonly sessions: Slots;
  readonly lost: () => boolean;
}

interface Entry {
  readonly entered: Promise<Entered>;
  /** Stops dialling; an established connection is left alone. */
  readonly giveUp: () => void;
  callers: number;
}

/**
 * One connection per set of settings: opened once for concurrent callers, kept between resources, reopened after it broke. All hosts behind a jump
 * host share the jump host's connection.
 */
export class ConnectionPool {
  readonly #entries = new Map<string, Entry>();
  readonly #unreachable = new Set<string>();

  /** True if all attempts of this process have failed because the host was unreachable, without a success since. */
  isUnreachable(connection: Connection): boolean {
    return this.#unreachable.has(connectionKey(connection));
  }

  /** The connection for these settings. Dialling stops if every caller gives up before it is established. */
  async enter(connection: Connection, caller: Caller): Promise<Entered> {
    const key = connectionKey(connection);
    const entry = this.#entries.get(key) ?? this.#open(key, connection, caller);
    entry.callers++;
    try {
      return await abortable(entry.entered, caller.signal);
    } finally {
      entry.callers--;
      if (entry.callers === 0) entry.giveUp();
    }
  }

  close(): void {
    for (const [key, entry] of this.#entries) {
      this.#entries.delete(key);
      entry.giveUp();
      // A connection that was never established needs no end.
      entry.entered.then(({ client }) => client.end()).catch(() => undefined);
    }
  }

  #open(key: string, connection: Connection, caller: Caller): Entry {
    const stop = new AbortController();
    const forget = () => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    };
    let established = false;
    const entered = this.#dial(connection, stop.signal, caller).then((client) => {
      let lost = false;
      established = true;
      this.#unreachable.delete(key);
      client.on("close", () => {
        lost = true;
        forget();
      });
      // An error is followed by a close, which is handled above. Without a listener the error would crash the process.
      client.on("error", () => undefined);
      return { client, sessions: new Slots(sessionsMax), lost: () => lost };
    });
    const giveUp = () => {
      if (established) return;
      forget();
      stop.abort(new Error("no caller waits for this connection any more"));
    };
    const entry: Entry = { entered, giveUp, callers: 0 };
    this.#entries.set(key, entry);
    entered.catch((error: unknown) => {
      forget();
      if (error instanceof DialError && error.failure === "unreachable") this.#unreachable.add(key);
    });
    return entry;
  }

  async #dial(connection: Connection, signal: AbortSignal, caller: Caller): Promise<Client> {
    const { proxy, ...target } = connection;
    const onRetry = (message: string) => caller.log("info", message, { status: true });
    if (proxy === undefined) return dial(target, { signal, onRetry });
    // At every attempt, because the jump host's connection may have broken since the last one. The jump host's own settings limit its attempts,
    // so its failure is final.
    const open = async () => {
      const jump = await this.enter(proxy, { signal, log: caller.log.bind(caller) }).catch((error: Error) => {
        if (!(error instanceof DialError)) throw error;
        throw new DialError(error.failure, `${endpointName(target)} through jump host ${error.message}`, {
          final: true,
        });
      });
      return openThrough(jump.client, target.host, target.port);
    };
    return dial(target, { signal, onRetry, open });
  }
}

function openThrough(jump: Client, host: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    jump.forwardOut("127.0.0.1", 0, host, port, (error, channel) => (error ? reject(error) : resolve(channel)));
  });
}
