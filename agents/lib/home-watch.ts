import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "amqplib";
import { connectionOptionsOf } from "./broker-address.ts";
import type { BrokerSession } from "./broker-session.ts";
import type { BrokerConfig } from "./config.ts";
import type { Log } from "./log.ts";
import { onOwnChannel } from "./own-channel.ts";

export interface HomeWatchOptions {
  readonly session: Pick<BrokerSession, "state" | "isHome" | "disconnect">;
  readonly config: BrokerConfig;
  /** Shown by the broker as the name of the checking connection. */
  readonly name: string;
  /** Queues that the first host must know before the session returns to it. */
  readonly queues: readonly string[];
  readonly log: Log;
  /** Nothing is in flight that a new connection would disturb. */
  readonly mayLeave: () => boolean;
  readonly nowMs: () => number;
}

/** A recovered broker gets the virtual IP back after five seconds (`preemptDelaySeconds`); the session returns before that. */
const everyMs = 1000;
/** A host that answers but is left again is tried less and less often, up to this pause. */
const pauseMaxMs = 300_000;
/** After this long on the first host, it is considered healthy. */
const settledMs = 60_000;
/** A host that takes longer to open a connection and to answer about a few queues is not healthy yet. */
const answersWithinMs = 3000;

/**
 * Returns a session to the first host of its list once that serves again. On another host, the session depends on two hosts instead of
 * one. And if the link between them is cut, no connection ends: the broker holds back what it delivered until heartbeats fail.
 */
export class HomeWatch {
  readonly #options: HomeWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #pauseMs = everyMs;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #homeSinceMs: number | undefined;
  #isChecking = false;

  constructor(options: HomeWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.check(), everyMs).unref();
  }

  /** The first host answers but does not do its work: it is left alone for five minutes. */
  avoidHome(): void {
    this.#notBeforeMs = this.#options.nowMs() + pauseMaxMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** One check, as the timer makes it. */
  async check(): Promise<void> {
    const { session, mayLeave, nowMs, log } = this.#options;
    if (session.state !== "ready" || this.#isChecking) return;
    if (session.isHome) return this.#settle();
    this.#homeSinceMs = undefined;
    if (nowMs() < this.#notBeforeMs || !mayLeave()) return;
    this.#isChecking = true;
    try {
      await this.#ask();
      // Any of this may have changed by now.
      if (session.state !== "ready" || session.isHome || !mayLeave()) return;
      this.#notBeforeMs = nowMs() + this.#pauseMs;
      this.#pauseMs = Math.min(this.#pauseMs * 2, pauseMaxMs);
      session.disconnect(`${this.#home} serves again`);
    } catch (error) {
      // Its failure is why the session is elsewhere, and was reported then.
      log.debug({ err: error, host: this.#home }, "the first broker of the list does not serve yet");
    } finally {
      this.#isChecking = false;
    }
  }

  get #home(): string {
    return this.#options.config.hosts[0] ?? "";
  }

  #settle(): void {
    const nowMs = this.#options.nowMs();
    this.#homeSinceMs ??= nowMs;
    if (nowMs - this.#homeSinceMs >= settledMs) this.#pauseMs = everyMs;
  }

  /** Resolves if the first host opens a connection and knows the queues. */
  async #ask(): Promise<void> {
    const { config, name, queues } = this.#options;
    const { address, socket } = connectionOptionsOf(config, name, () => this.#home);
    const model = await connect(address, { ...socket, timeout: answersWithinMs });
    // The failed call reports the same.
    model.on("error", () => {});
    const late = new AbortController();
    const deadline = sleep(answersWithinMs, undefined, { signal: late.signal }).then(() => {
      throw new Error(`no answer within ${answersWithinMs} ms`);
    });
    deadline.catch(() => {});
    try {
      const asked = onOwnChannel(model, async (channel) => {
        for (const queue of queues) await channel.checkQueue(queue);
      });
      asked.catch(() => {});
      await Promise.race([asked, deadline]);
    } finally {
      late.abort();
      // A hanging host would never answer the close, so it is not awaited.
      model.close().catch(() => {});
    }
  }
}
