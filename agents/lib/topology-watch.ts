import type { BrokerSession } from "./broker-session.ts";
import type { Log } from "./log.ts";
import { notFound, replyCodeOf } from "./own-channel.ts";
import { declareTopology, type Topology } from "./topology.ts";

export interface TopologyWatchOptions {
  readonly session: BrokerSession;
  readonly topology: Topology;
  readonly everyMs: number;
  readonly log: Log;
  /** Queues that were missing and are declared again. */
  onMissing(queues: readonly string[]): void;
}

/**
 * Checks periodically whether a topology's queues exist, and declares and binds all of it again, over a separate channel. If
 * other queues are bound to what is published, `mandatory` does not show that one queue is missing or unbound.
 *
 * What remains: AMQP can't query a binding. A removed one is bound again without a report, and what was published meanwhile is
 * not in its queue; the same holds for what was published while a queue was missing.
 */
export class TopologyWatch {
  readonly #options: TopologyWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #isChecking = false;

  constructor(options: TopologyWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#check(), options.everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #check(): Promise<void> {
    const { session, topology, log, onMissing } = this.#options;
    // A blocked connection answers nothing; a new one declares everything by itself.
    if (this.#isChecking || session.state !== "ready") return;
    this.#isChecking = true;
    try {
      const missing = await repairTopology(session, topology);
      if (missing.length === 0) return;
      log.error(
        { queues: missing },
        "queues were missing and are declared again; messages published meanwhile are not in them: were they deleted?",
      );
      onMissing(missing);
    } catch (error) {
      // The next check reports the same, or that it is over; a lost connection reports that itself.
      log.warn({ err: error }, "queues and bindings can't be checked");
    } finally {
      this.#isChecking = false;
    }
  }
}

/** Declares and binds everything again; returns the names of queues that were missing. Rejects without a connection. */
export async function repairTopology(session: BrokerSession, topology: Topology): Promise<string[]> {
  const missing: string[] = [];
  const left = topology.queues.map(({ name }) => name);
  while (left.length > 0) {
    // The broker closes the channel for each missing queue.
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
