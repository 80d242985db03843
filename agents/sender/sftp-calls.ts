import type { Client, SFTPWrapper } from "ssh2";

/** The connection is lost. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
}

/** The library's callback. */
export type Done<T> = (error: Error | null | undefined, value?: T) => void;

/** Requests on one SFTP connection. Each is answered or fails when the connection ends. A server that stops answering ends it too. */
export class SftpCalls {
  readonly #client: Client;
  readonly #idleTimeoutMs: number;
  /** Rejects requests that are not answered yet. */
  readonly #pending = new Set<(error: Error) => void>();
  #idle: NodeJS.Timeout | undefined;
  #endReason: string | undefined;

  constructor(client: Client, sftp: SFTPWrapper, idleTimeoutMs: number) {
    this.#client = client;
    this.#idleTimeoutMs = idleTimeoutMs;
    client.on("error", (error) => this.end(error.message));
    client.on("close", () => this.end("the server closed the connection"));
    sftp.on("close", () => this.end("the server ended SFTP"));
  }

  get endReason(): string | undefined {
    return this.#endReason;
  }

  /** Rejects with the server's status, the library's own error, or `ConnectionLost`. */
  call<T>(begin: (done: Done<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#endReason !== undefined) return reject(new ConnectionLost(this.#endReason));
      this.#pending.add(reject);
      this.#watch();
      const done: Done<T> = (error, value) => {
        this.#pending.delete(reject);
        this.#watch();
        if (error) reject(error);
        else resolve(value as T);
      };
      try {
        begin(done);
      } catch (error) {
        // The library throws for extensions that the server doesn't support.
        done(error as Error);
      }
    });
  }

  /** Every answer restarts the timeout for the requests that are still open. */
  #watch(): void {
    if (this.#pending.size === 0) {
      clearTimeout(this.#idle);
      this.#idle = undefined;
    } else if (this.#idle) this.#idle.refresh();
    else {
      const reason = `no answer for ${this.#idleTimeoutMs} ms`;
      this.#idle = setTimeout(() => this.end(reason), this.#idleTimeoutMs);
    }
  }

  end(reason: string): void {
    if (this.#endReason !== undefined) return;
    this.#endReason = reason;
    clearTimeout(this.#idle);
    this.#client.destroy();
    for (const reject of this.#pending) reject(new ConnectionLost(reason));
    this.#pending.clear();
  }
}
