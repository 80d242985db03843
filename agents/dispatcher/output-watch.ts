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
  /** Whether no announcement waits in the queue: then what was published before has left it. */
  onSeen(isEmpty: boolean): void;
}

/**
 * While something is in doubt, looks whether the pull queue is empty. In a quiet hour no later product's receipt proves that what went
 * out before has left the queue; that it is empty does. What a puller has in hand is not in the count: its receipt has to be waited for.
 *
 * Of a quorum queue whose leader does not answer within a quarter of a second the broker says that it has no messages and no consumers
 * (`rabbit_quorum_queue:stat`): without consumers nothing is said.
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
    const { session, queues, log, isWanted, onSeen } = this.#options;
    const [queue] = queues;
    if (queue === undefined || this.#isLooking || session.state !== "ready" || !isWanted()) return;
    this.#isLooking = true;
    try {
      const { messageCount, consumerCount } = await session.withChannel((channel) => channel.checkQueue(queue));
      if (messageCount > 0 || consumerCount > 0) onSeen(messageCount === 0);
    } catch (error) {
      // The queue may be gone, which the look at the topology tells and mends, or the connection, which says so itself.
      log.debug({ err: error, queue }, "the pull queue can't be looked at");
    } finally {
      this.#isLooking = false;
    }
  }
}
