import { join } from "node:path";
import type { AgentContext, RunningAgent } from "../lib/agent-main.ts";
import { type BrokerSession, openBrokerSession } from "../lib/broker-session.ts";
import { UserError } from "../lib/errors.ts";
import { type AgentHealth, brokerHealth, waitingSeconds } from "../lib/health.ts";
import type { Answer } from "../lib/metrics.ts";
import type { Delivery } from "../lib/subscription.ts";
import { joinTopologies } from "../lib/topology.ts";
import { TopologyWatch } from "../lib/topology-watch.ts";
import { watchAlerts } from "./alerts-watch.ts";
import { answer } from "./answers.ts";
import { Audit } from "./audit.ts";
import { auditQueueOf, type Config } from "./config.ts";
import { Feed } from "./feed.ts";
import type { PrometheusPoll } from "./prometheus-poll.ts";
import { watchPublicHours } from "./public-watch.ts";
import { readSightings } from "./sighting.ts";
import { StoreFault } from "./store.ts";
import { openTelemetry, type Telemetry } from "./telemetry.ts";
import { othersTopology, ownTopology } from "./topology.ts";

/** The clock was set if it differs by more from how much time has passed. NTP corrects less at a time. */
const clockSetMs = 1000;
const dayMs = 86_400_000;
const storeName = "products.sqlite";

/** The auditor's shell: reads its queue, commits in batches, acks what is committed. It publishes nothing. */
export class Auditor implements RunningAgent {
  readonly #context: AgentContext<Config>;
  readonly #session: BrokerSession;
  readonly #audit: Audit;
  readonly #feed: Feed;
  readonly #watch: TopologyWatch;
  readonly #telemetry: Telemetry;
  readonly #polls: readonly Pick<PrometheusPoll<unknown>, "stop">[];
  readonly #timer: NodeJS.Timeout;
  #sightings = 0;
  /** The clock, less the time that has passed since the process started. */
  #clockOffsetMs = Date.now() - performance.now();
  #commitsSoon = false;

  constructor(context: AgentContext<Config>) {
    const { config, log, metrics, lifeCycle } = context;
    this.#context = context;
    const view = () => this.#view();
    this.#telemetry = openTelemetry(metrics, view, Date.now);
    this.#audit = openAudit(context, this.#telemetry);
    const queue = auditQueueOf(config);
    const others = othersTopology(config);
    const own = ownTopology(config);
    this.#session = openBrokerSession({ config: config.broker, log, name: "auditor", topology: others });
    this.#feed = new Feed({
      ...{ session: this.#session, log, queue, own, others, nowMs: Date.now },
      ...{ messagesMax: config.queueMessagesMax, prefetch: config.prefetch, checkMs: config.checkMs },
      mayDiscard: config.brokerMayDiscard,
      onDelivery: (delivery) => this.#read(delivery),
      onLost: () => this.#audit.drop(),
      onCheck: (atMs, messages) => this.#audit.hearing.checked(atMs, messages),
      onGap: (why) => this.#gap(why),
    });
    this.#watch = new TopologyWatch({
      ...{ session: this.#session, topology: joinTopologies(others, own), log },
      everyMs: config.topologyCheckSeconds * 1000,
      onMissing: (queues) => {
        if (queues.includes(queue)) this.#gap("its queue was missing");
      },
    });
    const url = config.prometheusUrl;
    this.#polls =
      url === undefined
        ? []
        : [
            watchAlerts({ url, log, onFiring: (firing) => void this.#audit.noteFiring(firing) }),
            watchPublicHours({ url, log, nowMs: Date.now, onHours: (hours) => this.#audit.notePublic(hours) }),
          ];
    this.#timer = setInterval(() => this.#tick(), config.commitMs);
    this.#session.once("ready", () => lifeCycle.ready());
  }

  status(): AgentHealth {
    const { memory, fault, oldestWaitingMs } = this.#audit;
    const { waiting, overdueNow: overdue, counts } = memory;
    const knows = this.#knows;
    return {
      ok: this.#session.state === "ready" && fault === undefined,
      text: [
        `${counts.announced} announced, ${counts.placed} placed, ${waiting} waiting, ${overdue} overdue`,
        `${counts.repeated} repeated, ${counts.unknown} unknown${knows ? "" : "; does not know what happens now"}`,
        fault === undefined ? this.#session.description : `its store accepts nothing: ${fault}`,
      ].join("; "),
      ...brokerHealth(this.#session.state),
      fault,
      done: this.#sightings,
      waiting,
      oldestWaitingSeconds: waitingSeconds(oldestWaitingMs, Date.now()),
      knows,
      overdue,
    };
  }

  answer(url: URL): Answer | undefined {
    return answer(url, this.#audit, this.#knows);
  }

  async stop(): Promise<void> {
    this.#watch.stop();
    for (const poll of this.#polls) poll.stop();
    await this.#feed.stop();
    clearInterval(this.#timer);
    this.#audit.commit();
    await this.#session.close();
    this.#audit.close();
  }

  get #knows(): boolean {
    const nowMs = Date.now();
    const { fault, hearing, lastGap } = this.#audit;
    const inGap = lastGap !== undefined && lastGap.toMs > hearing.heardMs;
    return (
      this.#session.state === "ready" && this.#feed.isReading && fault === undefined && hearing.isLive(nowMs) && !inGap
    );
  }

  #view() {
    const { memory, oldestWaitingMs, products, storeBytes } = this.#audit;
    return { memory, oldestWaitingMs, products, storeBytes, knows: this.#knows };
  }

  #read(delivery: Delivery): void {
    const { config, log } = this.#context;
    const sightings = readSightings(delivery, config);
    this.#sightings += Math.max(1, sightings.length);
    for (const { kind } of sightings) this.#telemetry.sighted(kind);
    const last = sightings.at(-1);
    if (!last) {
      this.#telemetry.sighted("unreadable");
      log.debug({ routingKey: delivery.routingKey }, "a message that says nothing of a product: ignored");
      delivery.ack();
      return;
    }
    // All are in one commit.
    for (const sighting of sightings) this.#audit.take(sighting, () => sighting === last && delivery.ack());
    // A full prefetch would wait for the timer.
    if (this.#audit.pending < config.prefetch / 2 || this.#commitsSoon || this.#audit.fault !== undefined) return;
    this.#commitsSoon = true;
    setImmediate(() => {
      this.#commitsSoon = false;
      this.#audit.commit();
    });
  }

  #tick(): void {
    const offsetMs = Date.now() - performance.now();
    const setByMs = offsetMs - this.#clockOffsetMs;
    this.#clockOffsetMs = offsetMs;
    if (Math.abs(setByMs) > clockSetMs) {
      const nowMs = Date.now();
      this.#context.log.warn({ setByMs: Math.round(setByMs) }, "the clock was set: what happened meanwhile is unknown");
      this.#audit.clockSet(nowMs - setByMs, nowMs);
    }
    this.#audit.commit();
  }

  #gap(why: string): void {
    this.#context.log.warn({ why, sinceMs: this.#audit.hearing.heardMs }, "messages may be missing");
    this.#audit.gapSinceHeard(why);
  }
}

function openAudit({ config, log, stateDirectory }: AgentContext<Config>, telemetry: Telemetry): Audit {
  const { radarServers } = config;
  const names = new Map(Object.entries(radarServers).flatMap(([name, hosts]) => hosts.map((host) => [host, name])));
  const path = join(stateDirectory, storeName);
  try {
    return new Audit({
      path,
      limits: { overdueMs: config.overdueSeconds * 1000, windowMs: config.dedupWindowSeconds * 1000 },
      checkMs: config.checkMs,
      keepMs: config.keepDays * dayMs,
      keepHistoryMs: config.keepHistoryDays * dayMs,
      productsMax: config.productsMax,
      serverOf: (source) => names.get(source) ?? "other",
      log,
      nowMs: Date.now,
      onPlaced: (took) => telemetry.placed(took),
    });
  } catch (error) {
    if (!(error instanceof StoreFault)) throw error;
    const remedy = "check the free space, owner and mode of its folder";
    throw new UserError(path, `can't be opened: ${error.message}`, remedy, { cause: error });
  }
}
