import type { Duplex } from "node:stream";
import type { Client } from "ssh2";
import { abortable } from "./abortable.ts";
import { type Connection, connectionKey, endpointName } from "./connection.ts";
import { DialError, dial } from "./dial.ts";
import { Slots } from "./slots.ts";

/** sshd's MaxSessions is 10 by default; a person with a shell of their own must still fit. */
const sessionsMax = 8;

/** Who asks: it may stop waiting, and hears of retries. */
export interface Caller {
  readonly signal: AbortSignal;
  log(severity: "info", message: string, options: { status: boolean }): void;
}

/** A host that is entered: the client, its places for sessions, and whether it is still there. */
export interface Entered {
  readonly client: Client;
  readonly sessions: Slots;
  readonly lost: () => boolean;
}

interface Entry {
  readonly entered: Promise<Entered>;
  /** Ends dialling; a connection that stands is left alone. */
  readonly giveUp: () => void;
  callers: number;
}

/**
 * One connection for each different set of settings, made once however many ask at the same time, kept between resources,
 * made anew when it broke. A jump host's connection is shared by all hosts behind it.
 */
export class ConnectionPool {
  readonly #entries = new Map<string, Entry>();
  readonly #unreachable = new Set<string>();

  /** True when this process has found the host unreachable after all attempts, and did not get in since. */
  isUnreachable(connection: Connection): boolean {
    return this.#unreachable.has(connectionKey(connection));
  }

  /** The connection for these settings. When every caller has given up before it stands, dialling ends. */
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
      // One that never stood needs no end.
      entry.entered.then(({ client }) => client.end()).catch(() => undefined);
    }
  }

  #open(key: string, connection: Connection, caller: Caller): Entry {
    const stop = new AbortController();
    const forget = () => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    };
    let stands = false;
    const entered = this.#dial(connection, stop.signal, caller).then((client) => {
      let lost = false;
      stands = true;
      this.#unreachable.delete(key);
      client.on("close", () => {
        lost = true;
        forget();
      });
      // An error is followed by a close, which is what counts; without a listener it would end the process.
      client.on("error", () => undefined);
      return { client, sessions: new Slots(sessionsMax), lost: () => lost };
    });
    const giveUp = () => {
      if (stands) return;
      forget();
      stop.abort(new Error("nobody waits for this connection any more"));
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
    // At every attempt: the way through may have broken since the last one. How often the jump host itself is dialled is a
    // matter of its own settings, so its failure is final.
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
