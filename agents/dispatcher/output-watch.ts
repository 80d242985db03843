import type { BrokerSession } from "../lib/broker-session.ts";
import type { Log } from "../lib/log.ts";

const everyMs = 5000;

export interface OutputWatchOptions {
  readonly session: BrokerSession;
  /** From which the pullers take: one where anything can be in doubt, or none that this dispatcher declares. */
  readonly queues: readonly string[];
  readonly log: Log;
  /** Something is in doubt: only then it is worth a look. */
  isWanted(): boolean;
  /** No announcement waits in the queue: what was published before has left it. */
  onEmpty(): void;
}

/**
 * While something is in doubt, looks whether the pull queue is empty. In a quiet hour no later product's receipt proves that what went
 * out before has left the queue; that it is empty does. What a puller has in hand is not in the count: its receipt has to be waited for.
 */
export class OutputWatch {
  readonly #options: OutputWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #isLooking = false;

  constructor(options: OutputWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#look(), everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { session, queues, log, isWanted, onEmpty } = this.#options;
    const [queue] = queues;
    if (queue === undefined || this.#isLooking || session.state !== "ready" || !isWanted()) return;
    this.#isLooking = true;
    try {
      const { messageCount } = await session.withChannel((channel) => channel.checkQueue(queue));
      if (messageCount === 0) onEmpty();
    } catch (error) {
      // The queue may be gone, which the look at the topology tells and mends, or the connection, which says so itself.
      log.debug({ err: error, queue }, "the pull queue can't be looked at");
    } finally {
      this.#isLooking = false;
    }
  }
}
