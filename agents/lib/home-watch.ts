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
  /** Shown by the broker as the name of the connection that looks. */
  readonly name: string;
  /** What the first host must be able to tell of before anybody goes there. */
  readonly queues: readonly string[];
  readonly log: Log;
  /** Nothing is under way that a new connection would disturb. */
  readonly mayGo: () => boolean;
  readonly nowMs: () => number;
}

/** A broker that is back is preferred by its virtual IP five seconds later (`preemptDelaySeconds`): whoever goes home is there before. */
const everyMs = 1000;
/** A host that answers and is left again is tried more and more seldom, up to this. */
const pauseMaxMs = 300_000;
/** Who has been at home for so long is well there. */
const settledMs = 60_000;
/** A host that takes longer to open a connection and to tell of a few queues is not well yet. */
const answersWithinMs = 3000;

/**
 * Brings a session back to the first host of its list when that serves again. Who stays elsewhere is lost with two hosts instead of one,
 * and a link that is cut between them ends nothing: the broker holds back what it gave out until heartbeats fail.
 */
export class HomeWatch {
  readonly #options: HomeWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #pauseMs = everyMs;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #homeSinceMs: number | undefined;
  #isLooking = false;

  constructor(options: HomeWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.look(), everyMs).unref();
  }

  /** The first host answers and doesn't do its work: it is left alone for five minutes. */
  stayAway(): void {
    this.#notBeforeMs = this.#options.nowMs() + pauseMaxMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** One look, as the timer makes it. */
  async look(): Promise<void> {
    const { session, mayGo, nowMs, log } = this.#options;
    if (session.state !== "ready" || this.#isLooking) return;
    if (session.isHome) return this.#settle();
    this.#homeSinceMs = undefined;
    if (nowMs() < this.#notBeforeMs || !mayGo()) return;
    this.#isLooking = true;
    try {
      await this.#ask();
      // All of it may be otherwise by now.
      if (session.state !== "ready" || session.isHome || !mayGo()) return;
      this.#notBeforeMs = nowMs() + this.#pauseMs;
      this.#pauseMs = Math.min(this.#pauseMs * 2, pauseMaxMs);
      session.disconnect(`${this.#home} serves again`);
    } catch (error) {
      // That it is away is the reason to be elsewhere, and was told then.
      log.debug({ err: error, host: this.#home }, "the first broker of the list doesn't serve yet");
    } finally {
      this.#isLooking = false;
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

  /** Resolves where the first host opens a connection and knows the queues. */
  async #ask(): Promise<void> {
    const { config, name, queues } = this.#options;
    const { address, socket } = connectionOptionsOf(config, name, () => this.#home);
    const model = await connect(address, { ...socket, timeout: answersWithinMs });
    // The failure of what is asked tells the same.
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
      // A host that hangs would never answer a farewell: nobody waits for it.
      model.close().catch(() => {});
    }
  }
}
