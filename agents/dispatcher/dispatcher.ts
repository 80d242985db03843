import { type AddressWatch, watchAddress } from "../lib/address-watch.ts";
import type { AgentContext, RunningAgent } from "../lib/agent-main.ts";
import { type BrokerSession, openBrokerSession } from "../lib/broker-session.ts";
import { deadLetter } from "../lib/consumer.ts";
import type { HealthStatus } from "../lib/metrics.ts";
import type { PublishOutcome } from "../lib/publisher.ts";
import type { Delivery, Subscription } from "../lib/subscription.ts";
import type { Config } from "./config.ts";
import { DispatcherCore } from "./core.ts";
import type { Effect, Event, Incoming } from "./events.ts";
import { Sources } from "./sources.ts";
import { type DispatcherView, statusOf } from "./status.ts";
import { Telemetry } from "./telemetry.ts";
import { topologyOf } from "./topology.ts";

const tickMs = 50;
const warnIntervalMs = 5000;
const contentType = "text/plain";

/** The dispatcher's shell: tells its core what happened, does what the core answers. */
export class Dispatcher implements RunningAgent {
  readonly #context: AgentContext<Config>;
  readonly #core: DispatcherCore;
  readonly #session: BrokerSession;
  readonly #telemetry: Telemetry;
  readonly #deliveries = new Map<number, Delivery>();
  readonly #asides = new Set<Promise<void>>();
  readonly #ticker: NodeJS.Timeout;
  readonly #watch: AddressWatch | undefined;
  readonly #untold = new Map<PublishOutcome, { count: number; atMs: number }>();
  #nextDelivery = 1;
  #subscription: Subscription | undefined;
  #cancelling: Promise<void> = Promise.resolve();
  #settled: (() => void) | undefined;

  constructor(context: AgentContext<Config>) {
    const { config, log, metrics, lifeCycle } = context;
    this.#context = context;
    this.#core = new DispatcherCore({
      inputTopic: config.inputTopic,
      notifyTopic: config.notifyTopic,
      dedupWindowMs: config.dedupWindowSeconds * 1000,
      entriesMax: config.entriesMax,
      retry: { minMs: config.retryDelayMinMs, maxMs: config.retryDelayMaxMs },
    });
    const sources = new Sources(config.silenceSeconds * 1000);
    this.#telemetry = new Telemetry(metrics, sources, () => this.#view(), now);
    this.#session = openBrokerSession({ config: config.broker, log, name: "dispatcher", topology: topologyOf(config) });
    this.#session.once("ready", () => lifeCycle.ready());
    this.#ticker = setInterval(() => this.#handle({ type: "tick" }), tickMs);
    if (config.vip) {
      this.#watch = watchAddress(config.vip.address, log);
      this.#watch.on("held", () => this.#handle({ type: "held" }));
      this.#watch.on("gone", () => this.#handle({ type: "gone" }));
    }
    if (this.#watch?.held ?? true) this.#handle({ type: "held" });
  }

  status(): HealthStatus {
    return statusOf(this.#view());
  }

  #view(): DispatcherView {
    const { state, inFlight, entries, retrying } = this.#core;
    return {
      ...{ state, inFlight, entries, retrying },
      ...{ keptAside: 0, doubts: 0, alternatesWaiting: 0, ledgerUnacked: 0, ledgerPaused: false },
      journalFault: undefined,
      broker: this.#session.state,
      connection: this.#session.description,
      silentSources: [],
      address: this.#context.config.vip?.address,
    };
  }

  /** Cancels, waits for the confirms of what is published, acks, closes. */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#watch?.stop();
    this.#handle({ type: "stop" });
    await Promise.race([this.#drained(), aborted(deadline)]);
    clearInterval(this.#ticker);
    await this.#session.close();
  }

  async #drained(): Promise<void> {
    await this.#cancelling;
    while (this.#core.inFlight > 0) await new Promise<void>((resolve) => (this.#settled = resolve));
    await Promise.all(this.#asides);
  }

  #handle(event: Event): void {
    for (const effect of this.#core.handle(event, now())) {
      this.#telemetry.count(effect, now());
      this.#do(effect);
    }
    if (this.#settled && this.#core.inFlight === 0) this.#settled();
  }

  #do(effect: Effect): void {
    switch (effect.type) {
      case "publish": {
        const { claim, routingKey, delivery } = effect;
        this.#publish(routingKey, delivery).then(
          (outcome) => this.#handle({ type: "outcome", claim, outcome }),
          (error: Error) => this.#context.lifeCycle.fail(error),
        );
        break;
      }
      case "ack":
        this.#take(effect.delivery)?.ack();
        break;
      case "requeue":
        this.#take(effect.delivery)?.requeue();
        break;
      case "dead-letter":
        this.#putAside(this.#take(effect.delivery), effect.reason);
        break;
      case "subscribe":
        this.#subscribe();
        break;
      case "cancel":
        this.#cancel();
        break;
      case "publish-failed":
        this.#warn(effect);
        break;
      case "full":
        this.#context.log.error(
          { entries: effect.entries },
          "entriesMax reached: taking no more until the window has passed",
        );
        break;
    }
  }

  /** With its headers; without those where amqplib can't send them again (over 64 kB): all that is needed is in the body. */
  async #publish(routingKey: string, { id, body }: Incoming): Promise<PublishOutcome> {
    const { exchange } = this.#context.config;
    const headers = this.#deliveries.get(id)?.headers ?? {};
    try {
      return await this.#session.publish(exchange, routingKey, body, { headers, contentType });
    } catch (error) {
      this.#context.log.warn({ err: error, routingKey }, "headers of an announcement can't be sent on: left out");
      return this.#session.publish(exchange, routingKey, body, { contentType });
    }
  }

  #subscribe(): void {
    const { inputQueue, prefetch } = this.#context.config;
    this.#subscription = this.#session.subscribe({
      queue: inputQueue,
      prefetch,
      onDelivery: (delivery) => {
        this.#telemetry.received();
        const id = this.#nextDelivery++;
        this.#deliveries.set(id, delivery);
        const { routingKey, body, redelivered } = delivery;
        this.#handle({ type: "delivery", delivery: { id, routingKey, body, redelivered } });
      },
      onLost: () => {
        this.#deliveries.clear();
        this.#handle({ type: "deliveries-lost" });
      },
    });
    this.#context.log.info({ queue: inputQueue }, "dispatching");
  }

  #cancel(): void {
    const subscription = this.#subscription;
    if (!subscription) return;
    this.#subscription = undefined;
    this.#context.log.info("taking no more announcements");
    this.#cancelling = this.#session.unsubscribe(subscription);
  }

  /** One line for many failures of one kind: a broker away fails hundreds at once, each again and again. */
  #warn({ outcome, routingKey }: Extract<Effect, { type: "publish-failed" }>): void {
    const untold = this.#untold.get(outcome) ?? { count: 0, atMs: Number.NEGATIVE_INFINITY };
    this.#untold.set(outcome, untold);
    untold.count++;
    if (now() - untold.atMs < warnIntervalMs) return;
    this.#context.log.warn({ outcome, times: untold.count, routingKey }, explain(outcome));
    this.#untold.set(outcome, { count: 0, atMs: now() });
  }

  #take(id: number): Delivery | undefined {
    const delivery = this.#deliveries.get(id);
    this.#deliveries.delete(id);
    return delivery;
  }

  #putAside(delivery: Delivery | undefined, reason: string): void {
    if (!delivery) return;
    const { log, config } = this.#context;
    const session = this.#session;
    const work = deadLetter({ session, log, agent: "dispatcher", queue: config.inputQueue, delivery, reason });
    const aside = work.finally(() => this.#asides.delete(aside));
    this.#asides.add(aside);
  }
}

/** Milliseconds since 1970 that never go backwards within this process, whatever is done to the clock. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

function explain(outcome: PublishOutcome): string {
  if (outcome === "returned") return "no queue takes the announcement; trying again (is the output queue bound?)";
  if (outcome === "nacked") return "the broker could not take the announcement; trying again";
  return "the connection went before the confirm; the broker gives the announcement out again";
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
