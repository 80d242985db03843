import type { BrokerSession } from "../lib/broker-session.ts";
import { FeedWatch } from "../lib/feed-watch.ts";
import { HomeWatch } from "../lib/home-watch.ts";
import type { Log } from "../lib/log.ts";
import { TopologyWatch } from "../lib/topology-watch.ts";
import { type Config, hostNameOf, ledgerQueueOf } from "./config.ts";
import type { DispatcherCore } from "./core.ts";
import { OutputWatch } from "./output-watch.ts";
import type { Telemetry } from "./telemetry.ts";
import { topologyOf } from "./topology.ts";

export interface QueueWatchOptions {
  readonly session: BrokerSession;
  readonly config: Config;
  readonly log: Log;
  readonly core: DispatcherCore;
  readonly telemetry: Telemetry;
  readonly nowMs: () => number;
  /** Unacked announcements, and unacked messages of the ledger. */
  unacked(): { readonly input: number; readonly ledger: number };
  /** Whether the output queue has no announcement. */
  onOutputSeen(isEmpty: boolean): void;
}

/** Checks the broker's queues periodically, over channels of its own. */
export class QueueWatches {
  readonly #watches: readonly { stop(): void }[];
  readonly #input: FeedWatch;
  readonly #ledger: FeedWatch;

  constructor(options: QueueWatchOptions) {
    const { session, config, log, core, telemetry, nowMs, unacked, onOutputSeen } = options;
    const home = new HomeWatch({
      ...{ session, config: config.broker, log, nowMs, name: `dispatcher-home@${hostNameOf(config)}` },
      queues: [config.inputQueue, ledgerQueueOf(config)],
      // Before the address arrives, not while announcements are dispatched.
      mayLeave: () => core.state === "standby" && core.isIdle,
    });
    const onStarved = (): void => {
      telemetry.starved();
      home.avoidHome();
    };
    // A fenced or full dispatcher is not supposed to receive messages.
    const isConsuming = (): boolean => core.state === "active" || core.state === "catching-up";
    const isIdle = (): boolean => isConsuming() && unacked().input === 0;
    this.#input = new FeedWatch({ ...{ session, queue: config.inputQueue, log, nowMs, onStarved }, isIdle });
    this.#ledger = new FeedWatch({
      ...{ session, queue: ledgerQueueOf(config), log, nowMs, onStarved },
      isIdle: () => !core.ledgerPaused && unacked().ledger === 0,
    });
    const topology = new TopologyWatch({
      ...{ session, log, topology: topologyOf(config), everyMs: config.topologyCheckSeconds * 1000 },
      onMissing: (queues) => telemetry.queuesMissing(queues),
    });
    const output = new OutputWatch({
      ...{ session, queues: config.outputQueues, log },
      isWanted: () => core.unconfirmed > 0,
      onSeen: onOutputSeen,
    });
    this.#watches = [topology, output, home, this.#input, this.#ledger];
  }

  /** The queue that has messages of which the broker delivers none; undefined if there is none. */
  get starvedOf(): "input" | "ledger" | undefined {
    if (this.#input.isStarved) return "input";
    return this.#ledger.isStarved ? "ledger" : undefined;
  }

  /** An announcement arrived. */
  fed(queue: "input" | "ledger"): void {
    (queue === "input" ? this.#input : this.#ledger).fed();
  }

  stop(): void {
    for (const watch of this.#watches) watch.stop();
  }
}
