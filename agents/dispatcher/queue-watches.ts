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
  /** Announcements in hand, and messages of the ledger. */
  inHand(): { readonly input: number; readonly ledger: number };
  /** No announcement waits in the output queue. */
  onOutputSeen(isEmpty: boolean): void;
}

/** What looks at the broker's queues now and then, over channels of its own. */
export class QueueWatches {
  readonly #watches: readonly { stop(): void }[];
  readonly #input: FeedWatch;
  readonly #ledger: FeedWatch;

  constructor(options: QueueWatchOptions) {
    const { session, config, log, core, telemetry, nowMs, inHand, onOutputSeen } = options;
    const home = new HomeWatch({
      ...{ session, config: config.broker, log, nowMs, name: `dispatcher-home@${hostNameOf(config)}` },
      queues: [config.inputQueue, ledgerQueueOf(config)],
      // Before the address comes, not while announcements pass through.
      mayGo: () => core.state === "standby" && core.isIdle,
    });
    const onStarved = (): void => {
      telemetry.starved();
      home.stayAway();
    };
    // One that is fenced or full is not to be fed.
    const takes = (): boolean => core.state === "active" || core.state === "catching-up";
    const isIdle = (): boolean => takes() && inHand().input === 0;
    this.#input = new FeedWatch({ ...{ session, queue: config.inputQueue, log, nowMs, onStarved }, isIdle });
    this.#ledger = new FeedWatch({
      ...{ session, queue: ledgerQueueOf(config), log, nowMs, onStarved },
      isIdle: () => !core.ledgerPaused && inHand().ledger === 0,
    });
    const topology = new TopologyWatch({
      ...{ session, log, topology: topologyOf(config), everyMs: config.topologyCheckSeconds * 1000 },
      onMissing: (queues) => telemetry.queuesMissing(queues),
    });
    const output = new OutputWatch({
      ...{ session, queues: config.outputQueues, log },
      isWanted: () => core.doubts > 0,
      onSeen: onOutputSeen,
    });
    this.#watches = [topology, output, home, this.#input, this.#ledger];
  }

  /** The queue that holds messages of which the broker gives none; undefined where none does. */
  get starvedOf(): "input" | "ledger" | undefined {
    if (this.#input.isStarved) return "input";
    return this.#ledger.isStarved ? "ledger" : undefined;
  }

  /** An announcement came. */
  fed(queue: "input" | "ledger"): void {
    (queue === "input" ? this.#input : this.#ledger).fed();
  }

  stop(): void {
    for (const watch of this.#watches) watch.stop();
  }
}
