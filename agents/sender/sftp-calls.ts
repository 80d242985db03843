import type { Client, SFTPWrapper } from "ssh2";

/** The connection is gone. */
export class Gone extends Error {
  override readonly name = "Gone";
}

/** As the library calls back. */
export type Done<T> = (error: Error | null | undefined, value?: T) => void;

/** Requests over one SFTP connection: each is answered, or ends with it; a server that answers none of them for a while has ended it. */
export class SftpCalls {
  readonly #client: Client;
  readonly #idleTimeoutMs: number;
  /** Rejects what is not answered yet. */
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

  /** Rejects with the server's status, the library's own error, or `Gone`. */
  call<T>(begin: (done: Done<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#endReason !== undefined) return reject(new Gone(this.#endReason));
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
        // The library refuses what the server has not said that it can.
        done(error as Error);
      }
    });
  }

  /** Every answer gives what is still open another while. */
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
    for (const reject of this.#pending) reject(new Gone(reason));
    this.#pending.clear();
  }
}
