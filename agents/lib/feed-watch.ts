import type { BrokerSession } from "./broker-session.ts";
import type { Log } from "./log.ts";

export interface FeedWatchOptions {
  readonly session: Pick<BrokerSession, "state" | "withChannel" | "disconnect">;
  readonly queue: string;
  readonly log: Log;
  /** Nothing is in hand: the consumer has room for what waits. */
  readonly isIdle: () => boolean;
  readonly nowMs: () => number;
  /** How long nothing came before the queue is looked at. */
  readonly idleMs?: number;
  readonly everyMs?: number;
  /** The connection was dropped for this. */
  readonly onStarved: () => void;
}

const idleMsDefault = 10_000;
const everyMsDefault = 5000;
/** Between one look and the next an idle consumer gets its share of whatever passes through a queue that feeds it. */
const pollsMin = 2;

/**
 * A consumer that is subscribed and gets nothing while messages wait: nobody tells it so. Seen with quorum queues whose member on
 * the connected broker is gone (its disk was full) while the broker itself lives and answers. Then the connection is dropped, and
 * the next broker of the list is tried first; where that is the same one, it comes to the same, and the health says so.
 */
export class FeedWatch {
  readonly #options: FeedWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #fedAtMs: number;
  #looks = 0;
  #isLooking = false;
  #isStarved = false;

  constructor(options: FeedWatchOptions) {
    this.#options = options;
    this.#fedAtMs = options.nowMs();
    this.#timer = setInterval(() => void this.look(), options.everyMs ?? everyMsDefault).unref();
  }

  /** Messages wait, and none came since that was found. */
  get isStarved(): boolean {
    return this.#isStarved;
  }

  /** A message came. */
  fed(): void {
    this.#fedAtMs = this.#options.nowMs();
    this.#looks = 0;
    this.#isStarved = false;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** One look, as the timer makes it. */
  async look(): Promise<void> {
    const { session, queue, log, isIdle, nowMs, idleMs = idleMsDefault } = this.#options;
    if (session.state !== "ready" || !isIdle()) this.#waitAnew();
    // Whoever has something in hand was fed; whoever is not to be fed misses nothing.
    if (!isIdle()) this.#isStarved = false;
    if (this.#isLooking || nowMs() - this.#fedAtMs < idleMs) return;
    this.#isLooking = true;
    const fedAtMs = this.#fedAtMs;
    try {
      const { messageCount } = await session.withChannel((channel) => channel.checkQueue(queue));
      if (messageCount === 0) this.#isStarved = false;
      this.#looks = messageCount > 0 && this.#fedAtMs === fedAtMs ? this.#looks + 1 : 0;
      if (this.#looks >= pollsMin) this.#drop(messageCount);
    } catch (error) {
      // A queue or a connection that is gone is told and mended elsewhere.
      log.debug({ err: error, queue }, "the queue can't be looked at");
    } finally {
      this.#isLooking = false;
    }
  }

  #drop(messageCount: number): void {
    const { session, queue, onStarved } = this.#options;
    this.#isStarved = true;
    this.#waitAnew();
    onStarved();
    session.disconnect(`${messageCount} messages wait in ${queue}, and the broker gives none of them`, {
      elsewhere: true,
    });
  }

  #waitAnew(): void {
    this.#fedAtMs = this.#options.nowMs();
    this.#looks = 0;
  }
}
