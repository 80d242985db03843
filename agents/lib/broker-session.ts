import { EventEmitter } from "node:events";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { type Channel, type ChannelModel, connect, type RecoveringChannelModel } from "amqplib";
import { nextHostDelayMs } from "./backoff.ts";
import { connectionOptionsOf, readPassword } from "./broker-address.ts";
import { describeBrokerFault } from "./broker-fault.ts";
import { ChannelAcks } from "./channel-acks.ts";
import type { BrokerConfig } from "./config.ts";
import type { Log } from "./log.ts";
import { type LogEvent, logEvents } from "./log-events.ts";
import { closeChannel, onOwnChannel } from "./own-channel.ts";
import { Publisher, type PublishOptions, type PublishOutcome } from "./publisher.ts";
import { renewQueues } from "./renew-queues.ts";
import { sendSignsOfLife } from "./sign-of-life.ts";
import { cutOff, joinWrites, socketOf } from "./socket.ts";
import { type PublishingChannel, Subscription, type SubscriptionOptions } from "./subscription.ts";
import { declareTopology, type QueueDefaults, type Topology } from "./topology.ts";
import { acceptUndecodableHeaders } from "./undecodable-headers.ts";

export interface BrokerSessionOptions {
  readonly config: BrokerConfig;
  readonly log: Log;
  /** Shown by the broker as the connection's name, and sent in messages as `app_id`. */
  readonly name: string;
  readonly topology: Topology;
}

export type BrokerSessionState = "connecting" | "ready" | "blocked" | "closed";

interface SessionEvents {
  ready: [];
  lost: [reason: string];
  /** The broker accepts no publishes because of a memory or disk alarm. Publishes in flight wait. */
  blocked: [reason: string];
  unblocked: [];
  /** One attempt to connect failed; the next follows automatically. */
  failed: [reason: string];
  closed: [];
}

/** A connection that lasted this long was healthy: the next pause is short again. */
const steadyMs = 10_000;
/** The same failure is logged again after this time, not at every attempt. */
const repeatLogMs = 60_000;
const closeTimeoutMs = 1000;
/** If a broker answers the handshake but not a declaration (a cluster in trouble), the next host is tried after this time. */
const setUpTimeoutMs = 15_000;

/**
 * One AMQP connection that reconnects by itself, without end. Hosts are tried in turn (starting with the first after every loss),
 * with growing pauses and jitter; topology and subscriptions are set up again on each connect. Any channel error drops the whole
 * connection: one way to recover, used often, instead of two.
 */
export class BrokerSession extends EventEmitter<SessionEvents> {
  readonly #options: BrokerSessionOptions;
  readonly #subscriptions = new Set<Subscription>();
  /** Cancelled subscriptions that may still have unsettled deliveries. */
  readonly #ending = new Set<Subscription>();
  readonly #publisher: Publisher;
  #recovering: RecoveringChannelModel | undefined;
  #model: ChannelModel | undefined;
  #publishing: PublishingChannel | undefined;
  #state: BrokerSessionState = "connecting";
  /** Of this connection, which may still be being set up. */
  #isBlocked = false;
  #asTheyAre: ReadonlySet<string> = new Set();
  #reason = "not tried yet";
  #hostIndex = 0;
  #goesElsewhere = false;
  #shortLives = 0;
  #connectedAtMs = 0;
  /** By message: the last logged reason, and when. */
  readonly #logged = new Map<string, { readonly reason: string; readonly atMs: number }>();

  constructor(options: BrokerSessionOptions) {
    super();
    // Each message in flight may wait for the next connect at the same time: many listeners are no leak.
    this.setMaxListeners(0);
    this.#options = options;
    this.#publisher = new Publisher(options.name);
  }

  get state(): BrokerSessionState {
    return this.#state;
  }

  /** Connected, or about to connect, to the first host of the list. */
  get isHome(): boolean {
    return this.#hostIndex % this.#options.config.hosts.length === 0;
  }

  /** Publishes not yet confirmed. */
  get inFlight(): number {
    return this.#publisher.inFlight;
  }

  /** Prefix of the `messageId` of everything this session publishes, `<publisherId>-<n>`; random for each process. */
  get publisherId(): string {
    return this.#publisher.publisherId;
  }

  /** The connection's state as a text, for status lines. */
  get description(): string {
    if (this.#state === "ready") return `connected to ${this.#host}`;
    if (this.#state === "blocked") return `broker ${this.#host} accepts no messages: ${this.#reason}`;
    return this.#state === "closed" ? "connection closed" : `no connection to ${this.#host}: ${this.#reason}`;
  }

  /** For `openBrokerSession`: starts to connect, and returns. */
  async start(): Promise<void> {
    const { config, name } = this.#options;
    const { address, socket } = connectionOptionsOf(config, name, () => this.#host);
    const recovering = await connect(address, {
      ...socket,
      recovery: {
        setup: (model: ChannelModel) => withDeadline(this.#setUp(model), setUpTimeoutMs),
        calculateDelay: (attempt: number) => this.#delayMs(attempt),
        waitForConnect: false,
      },
    });
    this.#recovering = recovering;
    recovering.on("connect", () => this.#onConnect());
    recovering.on("disconnect", (error) => this.#onLost(error.message));
    recovering.on("connect-failed", (error) => this.#onFailed(error));
    // "disconnect" reports the reason of connection errors. Without a listener here Node would end the process.
    recovering.on("error", (error: Error) => this.#options.log.debug({ err: error }, "connection error"));
  }

  /** Resolves at once while connected, otherwise at the next connect. Rejects when `signal` aborts or the session is closed. */
  async ready(signal?: AbortSignal): Promise<void> {
    while (this.#state === "connecting") {
      signal?.throwIfAborted();
      const waiting = Promise.withResolvers<void>();
      const abort = (): void => waiting.reject(signal?.reason);
      this.once("ready", waiting.resolve).once("closed", waiting.resolve);
      signal?.addEventListener("abort", abort, { once: true });
      await waiting.promise.finally(() => {
        this.off("ready", waiting.resolve).off("closed", waiting.resolve);
        signal?.removeEventListener("abort", abort);
      });
    }
    if (this.#state === "closed") throw new Error("the broker session is closed");
  }

  /**
   * Publishes one persistent message, `mandatory` unless set otherwise, and resolves to its outcome. `confirmed`: the broker has
   * it in every queue that it is routed to. `returned`: no queue accepts it. `nacked`: the broker failed. `lost`: the connection
   * was lost first and the result is unknown; without a connection, `lost` at once. Rejects only for a message that can never be
   * sent (a routing key over 255 bytes). Don't await each publish: keep many in flight, see `writable`.
   */
  publish(exchange: string, routingKey: string, body: Buffer, options?: PublishOptions): Promise<PublishOutcome> {
    return this.#publisher.publish(exchange, routingKey, body, options);
  }

  /**
   * Like `publish`, without a promise per message: `onOutcome` is called once, never before this returns. Throws for a message
   * that can never be sent.
   */
  send(
    exchange: string,
    routingKey: string,
    body: Buffer,
    options: PublishOptions,
    onOutcome: (outcome: PublishOutcome) => void,
  ): void {
    this.#publisher.send(exchange, routingKey, body, options, onOutcome);
  }

  /** The limit of publishes in flight and the socket allow another publish. */
  get isWritable(): boolean {
    return this.#publisher.isWritable;
  }

  /** Resolves when `isWritable`. */
  writable(): Promise<void> {
    return this.#publisher.writable();
  }

  /** Subscribes now or at the next connect, and again after each. */
  subscribe(options: SubscriptionOptions): Subscription {
    const subscription = new Subscription(options, (reason) => this.#drop(reason));
    this.#subscriptions.add(subscription);
    if (this.#state !== "connecting" && this.#model) this.#open(subscription, this.#model);
    return subscription;
  }

  /** Cancels; resolves once the broker delivers nothing more. Unacked deliveries can still be settled. */
  async unsubscribe(subscription: Subscription): Promise<void> {
    this.#subscriptions.delete(subscription);
    for (const earlier of this.#ending) if (earlier.inFlight === 0) this.#ending.delete(earlier);
    this.#ending.add(subscription);
    await subscription.cancel();
  }

  /**
   * Uses a separate channel for what may fail without harm: if the broker closes it, the connection stays. Rejects without a
   * connection, with the errors of `use`, and if the channel is lost meanwhile.
   */
  async withChannel<T>(use: (channel: Channel, defaults: QueueDefaults) => Promise<T>): Promise<T> {
    const model = this.#model;
    if (this.#state === "connecting" || !model) throw new Error(this.description);
    return onOwnChannel(model, (channel) => use(channel, this.#queueDefaults(model)));
  }

  /**
   * Drops the connection at once and reconnects as after any loss. The socket is cut, without a close handshake that a peer might
   * never answer, and unsent data is dropped. Publishes in flight become `lost` and unacked deliveries are redelivered; this is
   * reported after the call returns. Does nothing without a connection. `elsewhere`: the next host of the list is tried first.
   */
  disconnect(reason: string, { elsewhere = false } = {}): void {
    const model = this.#model;
    if (this.#state === "closed" || !model) return;
    this.#goesElsewhere = elsewhere;
    this.#options.log.warn({ host: this.#host, reason }, "dropping the connection to the broker");
    const socket = socketOf(model);
    if (socket) process.nextTick(cutOff, socket, reason);
    else this.#drop(reason, model);
  }

  /** Sends waiting acks and closes. Publishes in flight become `lost`. */
  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    // Channels first: the connection's close would overtake acks that are still in their buffers.
    const channels = [...this.#subscriptions, ...this.#ending].map((subscription) => subscription.close());
    const publishing = this.#publishing && closeChannel(this.#publishing.channel);
    await Promise.race([Promise.all([...channels, publishing]), sleep(closeTimeoutMs, undefined, { ref: false })]);
    await Promise.race([this.#recovering?.close(), sleep(closeTimeoutMs, undefined, { ref: false })]);
    this.#publisher.detach();
    this.emit("closed");
  }

  get #host(): string {
    const { hosts } = this.#options.config;
    return hosts[this.#hostIndex % hosts.length] ?? "";
  }

  async #setUp(model: ChannelModel): Promise<void> {
    let closed = false;
    this.#isBlocked = false;
    model.on("error", (error) => this.#options.log.debug({ err: error }, "connection error"));
    model.on("close", () => {
      closed = true;
      if (this.#model === model) this.#model = undefined;
    });
    model.on("blocked", (reason) => this.#onBlocked(reason));
    model.on("unblocked", () => this.#onUnblocked());
    this.#model = model;
    acceptUndecodableHeaders(model, ({ message }) =>
      this.#warnOccasionally(message, "headers of a message can't be decoded: accepted without them"),
    );
    const socket = socketOf(model);
    if (socket) {
      joinWrites(socket);
      sendSignsOfLife(socket, this.#options.config.signOfLifeMs);
    }
    const channel = await model.createConfirmChannel();
    channel.on("error", (error) => this.#drop(`channel: ${error.message}`, model));
    channel.on("close", () => this.#drop("publishing channel closed", model));
    const { topology, log } = this.#options;
    this.#asTheyAre = await renewQueues(model, topology, this.#queueDefaults(model), log);
    await declareTopology(channel, topology, this.#queueDefaults(model));
    const publishing = { channel, acks: new ChannelAcks(channel) };
    this.#publishing = publishing;
    this.#publisher.attach(channel);
    for (const subscription of this.#subscriptions) await subscription.open(model, publishing);
    // amqplib starts to watch the connection only after this function: an earlier close would never be noticed.
    await nextTurn();
    if (closed) throw new Error("connection closed while it was set up");
  }

  #queueDefaults(model: ChannelModel): QueueDefaults {
    const { version: brokerVersion } = model.connection.serverProperties;
    const { queueType: type, given } = this.#options.config;
    return { type, brokerVersion, asTheyAre: this.#asTheyAre, ...(given ? { given } : {}) };
  }

  #onConnect(): void {
    this.#connectedAtMs = performance.now();
    if (this.#state === "connecting") this.#state = this.#isBlocked ? "blocked" : "ready";
    this.#options.log.info({ event: logEvents.brokerConnected, host: this.#host }, "connected to the broker");
    // Those requested while the others were being set up.
    const model = this.#model;
    for (const subscription of this.#subscriptions) {
      if (model && !subscription.isOpenOn(model)) this.#open(subscription, model);
    }
    this.emit("ready");
  }

  #onLost(reason: string): void {
    if (this.#state === "closed") return;
    this.#publisher.detach();
    this.#shortLives = performance.now() - this.#connectedAtMs < steadyMs ? this.#shortLives + 1 : 0;
    this.#state = "connecting";
    this.#options.log.warn({ event: logEvents.brokerLost, host: this.#host, reason }, "connection to the broker lost");
    this.#reason = reason;
    this.#hostIndex = this.#goesElsewhere ? this.#hostIndex + 1 : 0;
    this.#goesElsewhere = false;
    this.emit("lost", reason);
  }

  #onFailed(error: Error): void {
    if (this.#state === "closed") return;
    this.#publisher.detach();
    this.#reason = describeBrokerFault(error, this.#options.config);
    this.#warnOccasionally(this.#reason, "can't connect to the broker; trying again");
    this.#hostIndex++;
    this.emit("failed", this.#reason);
  }

  #onBlocked(reason: string): void {
    this.#reason = reason;
    this.#isBlocked = true;
    if (this.#state === "ready") this.#state = "blocked";
    this.#options.log.error({ reason }, "the broker accepts no messages (alarm): publishing waits");
    this.emit("blocked", reason);
  }

  #onUnblocked(): void {
    this.#isBlocked = false;
    if (this.#state === "blocked") this.#state = "ready";
    this.#options.log.info("the broker accepts messages again");
    this.emit("unblocked");
  }

  #open(subscription: Subscription, model: ChannelModel): void {
    if (!this.#publishing) return;
    subscription.open(model, this.#publishing).catch((error: Error) => this.#drop(error.message, model));
  }

  /** A channel failed: closes its connection, so that everything is set up again. */
  #drop(reason: string, model = this.#model): void {
    if (this.#state === "closed" || !model || model !== this.#model) return;
    this.#model = undefined;
    const why = describeBrokerFault(new Error(reason), this.#options.config);
    this.#warnOccasionally(why, "a channel failed: reconnecting", { event: logEvents.channelFailed });
    // It may already be closed, which is the goal.
    model.close().catch(() => {});
  }

  /** What happens at every attempt, for example while a queue has other arguments than ours, is logged only from time to time. */
  #warnOccasionally(reason: string, message: string, facts: { readonly event?: LogEvent } = {}): void {
    const nowMs = performance.now();
    const last = this.#logged.get(message);
    if (last?.reason === reason && nowMs - last.atMs < repeatLogMs) return;
    this.#logged.set(message, { reason, atMs: nowMs });
    this.#options.log.warn({ ...facts, host: this.#host, reason }, message);
  }

  #delayMs(attempt: number): number {
    const { reconnectDelayMinMs: minMs, reconnectDelayMaxMs: maxMs, hosts } = this.#options.config;
    return nextHostDelayMs({ minMs, maxMs }, attempt + this.#shortLives * hosts.length, hosts.length);
  }
}

/** Opens a session and connects in the background. Throws a `UserError` if the password can't be read. */
export function openBrokerSession(options: BrokerSessionOptions): BrokerSession {
  readPassword(options.config.passwordFile);
  const session = new BrokerSession(options);
  session.start().catch((error: Error) => session.emit("failed", error.message));
  return session;
}

async function withDeadline<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const late = new AbortController();
  const deadline = sleep(timeoutMs, undefined, { signal: late.signal }).then(() => {
    throw new Error(`the broker did not set up queues and subscriptions within ${timeoutMs} ms`);
  });
  return Promise.race([work, deadline]).finally(() => {
    late.abort();
    deadline.catch(() => {});
  });
}
