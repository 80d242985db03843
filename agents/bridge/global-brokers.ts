import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { connect, type MqttClient } from "mqtt";
import { bodyBytesMax } from "../lib/announcement.ts";
import type { BrokerSession } from "../lib/broker-session.ts";
import type { Log } from "../lib/log.ts";
import type { PublishOutcome } from "../lib/publisher.ts";
import { bad, good, type Result } from "../lib/result.ts";
import { escapeWord, routingKeyBytesMax } from "../lib/topics.ts";
import { type Config, publicAccount } from "./config.ts";
import { publishConfirmed } from "./publish.ts";

type WisSource = Extract<Config["from"], { format: "wis" }>;
export type GlobalBrokersConfig = NonNullable<WisSource["globalBrokers"]>;

export interface GlobalBrokerEvents {
  connected(broker: string, isConnected: boolean): void;
  /** Our broker has it, and the Global Broker gets its ack. */
  notified(broker: string): void;
  /** It can't be stored and is dropped. */
  unfit(broker: string, topic: string, reason: string): void;
  failed(routingKey: string, outcome: PublishOutcome): void;
}

export interface GlobalBrokerOptions {
  readonly config: GlobalBrokersConfig;
  /** Where notifications are published. */
  readonly from: Pick<WisSource, "exchange" | "topicPrefix">;
  /** Part of the session's name. */
  readonly queue: string;
  readonly session: Pick<BrokerSession, "ready" | "publish">;
  readonly events: GlobalBrokerEvents;
  readonly log: Log;
}

const reconnectMs = 5000;
const keepaliveSeconds = 30;
/** Notifications that a Global Broker sends ahead of acks. */
const receiveMaximum = 100;
/** Of a packet. A notification has at most 8,192 bytes, and a topic 255. */
const packetBytesMax = 65_536;

/**
 * Reads WIS2 Global Brokers by MQTT 5, in persistent sessions with QoS 1. A notification is acked when our broker has confirmed it, so neither a
 * kill of this process nor a restart of either broker loses one; what was not acked is sent again. The same notification from several brokers is
 * published several times here: whoever reads the queue removes repeats.
 */
export class GlobalBrokers {
  readonly #options: GlobalBrokerOptions;
  readonly #stopping = new AbortController();
  readonly #clients: readonly { readonly url: string; readonly client: MqttClient }[];

  constructor(options: GlobalBrokerOptions) {
    this.#options = options;
    this.#clients = options.config.brokers.map((broker) => ({ url: broker.url, client: this.#connect(broker) }));
  }

  /** By URL. */
  get connected(): ReadonlyMap<string, boolean> {
    return new Map(this.#clients.map(({ url, client }) => [url, client.connected]));
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    // Forced: unacked notifications stay in the session.
    await Promise.all(this.#clients.map(({ client }) => client.endAsync(true)));
  }

  #connect({ url, user, passwordFile, caFile }: GlobalBrokersConfig["brokers"][number]): MqttClient {
    const { config, queue, events, log } = this.#options;
    const client = connect(url, {
      protocolVersion: 5,
      clean: false,
      clientId: config.clientId ?? `${hostname()}-${queue}`,
      username: user,
      password: passwordFile === undefined ? publicAccount : readFileSync(passwordFile, "utf8").trimEnd(),
      ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }),
      keepalive: keepaliveSeconds,
      reconnectPeriod: reconnectMs,
      properties: {
        sessionExpiryInterval: config.sessionSeconds,
        receiveMaximum,
        maximumPacketSize: packetBytesMax,
      },
    });
    // The library acks a message when this calls back, and until then handles no other.
    client.handleMessage = ({ topic, payload }, callback) => {
      const { stream } = client;
      void this.#store(url, topic.toString(), Buffer.from(payload)).then((isStored) => {
        // On another connection the number may be that of another message; this one is sent again there.
        if (isStored && client.stream === stream) callback();
      });
    };
    events.connected(url, false);
    client.on("connect", ({ sessionPresent }) => {
      events.connected(url, true);
      log.info({ broker: url, sessionPresent }, "connected to the Global Broker");
      client.subscribe([...config.topics], { qos: 1 }, (error) => {
        if (error) log.error({ err: error, broker: url }, "the Global Broker refused the subscription");
        else log.info({ broker: url }, "subscribed");
      });
    });
    client.on("close", () => {
      events.connected(url, false);
      if (!this.#stopping.signal.aborted) log.warn({ broker: url }, "no connection to the Global Broker; trying again");
    });
    client.on("error", (error) => log.warn({ err: error, broker: url }, "the connection to the Global Broker failed"));
    return client;
  }

  /** False if this process is stopping: the message must not be acked. */
  async #store(url: string, topic: string, body: Buffer): Promise<boolean> {
    const { from, session, events } = this.#options;
    const key = routingKeyOf(topic, from.topicPrefix);
    const fault = !key.ok
      ? key.reason
      : body.length > bodyBytesMax && `${body.length} bytes are more than a notification may have`;
    if (!key.ok || fault) {
      events.unfit(url, topic, fault || "");
      return true;
    }
    const message = {
      ...{ exchange: from.exchange, routingKey: key.value, body, headers: {} },
      contentType: "application/geo+json",
    };
    const { signal } = this.#stopping;
    // The queue is ours: until it is declared, nothing may be acked.
    const outcome = await publishConfirmed(message, { session, signal, requireQueue: true, failed: events.failed });
    if (outcome === "done") events.notified(url);
    return outcome === "done";
  }
}

/** `cache/a/wis2/CENTRE/data/core` as `PREFIX.CENTRE.data.core`: the origin's topic and the caches' become one. */
export function routingKeyOf(topic: string, prefix: string): Result<string> {
  const levels = /^(?:origin|cache)\/a\/wis2\/(.+)$/.exec(topic)?.[1];
  if (levels === undefined) return bad("the topic is not under origin/a/wis2/ or cache/a/wis2/");
  const key = [prefix, ...levels.split("/").map(escapeWord)].join(".");
  const bytes = Buffer.byteLength(key);
  if (bytes > routingKeyBytesMax)
    return bad(`routing key would have ${bytes} bytes, but at most ${routingKeyBytesMax} fit`);
  return good(key);
}
