import type { BrokerSession } from "./broker-session.ts";
import type { Log } from "./log.ts";
import { notFound, replyCodeOf } from "./own-channel.ts";
import { declareTopology, type Topology } from "./topology.ts";

export interface TopologyWatchOptions {
  readonly session: BrokerSession;
  readonly topology: Topology;
  readonly everyMs: number;
  readonly log: Log;
  /** Queues that were not there, and are again. */
  onMissing(queues: readonly string[]): void;
}

/**
 * Looks now and then whether the queues of a topology are there and declares and binds all of it again, over a channel of its own.
 * Where others are bound to what is published, `mandatory` no longer shows that a queue is gone or unbound.
 *
 * What remains: a binding can't be asked for in AMQP. One that was taken off is bound again without a word, and what was published
 * until then is not in its queue; the same for what was published while a queue was away.
 */
export class TopologyWatch {
  readonly #options: TopologyWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #isLooking = false;

  constructor(options: TopologyWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#look(), options.everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { session, topology, log, onMissing } = this.#options;
    // A connection that is blocked answers nothing; one that comes back declares by itself.
    if (this.#isLooking || session.state !== "ready") return;
    this.#isLooking = true;
    try {
      const missing = await mendTopology(session, topology);
      if (missing.length === 0) return;
      log.error(
        { queues: missing },
        "queues were gone and are declared again; what was published meanwhile is not in them: did somebody delete them?",
      );
      onMissing(missing);
    } catch (error) {
      // The next look tells the same, or that it is over; a connection that went says so itself.
      log.warn({ err: error }, "queues and bindings can't be looked after");
    } finally {
      this.#isLooking = false;
    }
  }
}

/** Declares and binds everything again; answers the names of queues that were not there. Rejects without a connection. */
export async function mendTopology(session: BrokerSession, topology: Topology): Promise<string[]> {
  const missing: string[] = [];
  const left = topology.queues.map(({ name }) => name);
  while (left.length > 0) {
    // The broker closes the channel over each queue that is not there.
    await session.withChannel(async (channel) => {
      for (let name = left.shift(); name !== undefined; name = left.shift()) {
        try {
          await channel.checkQueue(name);
        } catch (error) {
          if (replyCodeOf(error) !== notFound) throw error;
          missing.push(name);
          return;
        }
      }
    });
  }
  await session.withChannel((channel, defaults) => declareTopology(channel, topology, defaults));
  return missing;
}
