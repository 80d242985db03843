import type { BrokerSession } from "./broker-session.ts";
import type { Log } from "./log.ts";

export interface FeedWatchOptions {
  readonly session: Pick<BrokerSession, "state" | "withChannel" | "disconnect">;
  readonly queue: string;
  readonly log: Log;
  /** No delivery is unacked: the consumer has room for the waiting messages. */
  readonly isIdle: () => boolean;
  readonly nowMs: () => number;
  /** How long without a message until the queue is checked. */
  readonly idleMs?: number;
  readonly everyMs?: number;
  /** The connection was dropped for this reason. */
  readonly onStarved: () => void;
}

const idleMsDefault = 10_000;
const everyMsDefault = 5000;
/** Between two checks an idle consumer gets its share of what passes through a queue that feeds it. */
const pollsMin = 2;

/**
 * Detects a subscribed consumer that receives nothing while messages wait, which the broker does not report. Seen with quorum
 * queues whose member on the connected broker is gone (its disk was full) while the broker itself is alive and answers. The
 * connection is then dropped, and the next broker of the list is tried first. If that is the same broker, nothing improves, and
 * the health report shows it.
 */
export class FeedWatch {
  readonly #options: FeedWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #fedAtMs: number;
  #starvedChecks = 0;
  #isChecking = false;
  #isStarved = false;

  constructor(options: FeedWatchOptions) {
    this.#options = options;
    this.#fedAtMs = options.nowMs();
    this.#timer = setInterval(() => void this.check(), options.everyMs ?? everyMsDefault).unref();
  }

  /** Messages wait, and none has arrived since that was found. */
  get isStarved(): boolean {
    return this.#isStarved;
  }

  /** A message arrived. */
  fed(): void {
    this.#fedAtMs = this.#options.nowMs();
    this.#starvedChecks = 0;
    this.#isStarved = false;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** One check, as the timer makes it. */
  async check(): Promise<void> {
    const { session, queue, log, isIdle, nowMs, idleMs = idleMsDefault } = this.#options;
    if (session.state !== "ready" || !isIdle()) this.#restartWait();
    // A consumer with unacked messages was fed; one that is not supposed to be fed misses nothing.
    if (!isIdle()) this.#isStarved = false;
    if (this.#isChecking || nowMs() - this.#fedAtMs < idleMs) return;
    this.#isChecking = true;
    const fedAtMs = this.#fedAtMs;
    try {
      const { messageCount } = await session.withChannel((channel) => channel.checkQueue(queue));
      if (messageCount === 0) this.#isStarved = false;
      this.#starvedChecks = messageCount > 0 && this.#fedAtMs === fedAtMs ? this.#starvedChecks + 1 : 0;
      if (this.#starvedChecks >= pollsMin) this.#drop(messageCount);
    } catch (error) {
      // A missing queue or connection is reported and repaired elsewhere.
      log.debug({ err: error, queue }, "the queue can't be checked");
    } finally {
      this.#isChecking = false;
    }
  }

  #drop(messageCount: number): void {
    const { session, queue, onStarved } = this.#options;
    this.#isStarved = true;
    this.#restartWait();
    onStarved();
    session.disconnect(`${messageCount} messages wait in ${queue}, and the broker delivers none of them`, {
      elsewhere: true,
    });
  }

  #restartWait(): void {
    this.#fedAtMs = this.#options.nowMs();
    this.#starvedChecks = 0;
  }
}
