import type { BrokerSession } from "../lib/broker-session.ts";
import type { Log } from "../lib/log.ts";

const everyMs = 5000;

export interface OutputWatchOptions {
  readonly session: BrokerSession;
  /** The pull queues: one if deliveries can be unconfirmed, or none if this dispatcher declares none. */
  readonly queues: readonly string[];
  readonly log: Log;
  /** A delivery is unconfirmed: the queue is checked only then. */
  isWanted(): boolean;
  /** Whether the queue has no announcement: then everything published before has left it. */
  onSeen(isEmpty: boolean): void;
}

/**
 * Checks whether the pull queue is empty while deliveries are unconfirmed. In a quiet hour no later product's receipt proves that
 * earlier ones have left the queue; an empty queue does. Deliveries that a puller has not acked are not in the count: their
 * receipts must be waited for.
 *
 * If a quorum queue's leader does not answer within a quarter of a second, the broker reports no messages and no consumers
 * (`rabbit_quorum_queue:stat`). So nothing is reported if there are no consumers.
 */
export class OutputWatch {
  readonly #options: OutputWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #isChecking = false;

  constructor(options: OutputWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#check(), everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #check(): Promise<void> {
    const { session, queues, log, isWanted, onSeen } = this.#options;
    const [queue] = queues;
    if (queue === undefined || this.#isChecking || session.state !== "ready" || !isWanted()) return;
    this.#isChecking = true;
    try {
      const { messageCount, consumerCount } = await session.withChannel((channel) => channel.checkQueue(queue));
      if (messageCount > 0 || consumerCount > 0) onSeen(messageCount === 0);
    } catch (error) {
      // The queue may be gone, which the topology check reports and repairs, or the connection, which reports that itself.
      log.debug({ err: error, queue }, "the pull queue can't be checked");
    } finally {
      this.#isChecking = false;
    }
  }
}
