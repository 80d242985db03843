import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type ChannelModel, type ConsumeMessage, connect, type RecoveringChannelModel } from "amqplib";
import { fileNameOf } from "../../agents/lib/announcement.ts";
import { codecs } from "../../agents/lib/codecs.ts";

/** What went by on the exchange so far. Keys are file names with their reception stamp, as in the announcements. */
export interface TapCounts {
  /** Announcements of the URPs by file: the host of the URL of each, more than one where it was announced again. */
  readonly announced: ReadonlyMap<string, readonly string[]>;
  /** What the dispatcher let through by file, in the same way. */
  readonly dispatched: ReadonlyMap<string, readonly string[]>;
  /** Times that the connection was lost: what went by meanwhile is not in the counts, which are then lower bounds. */
  readonly tapGaps: number;
}

export interface TapOptions {
  /** `amqp://user:password@host:port/vhost`, or `amqps://…`. */
  readonly broker: string;
  /** PEM of the CA that has signed the broker's certificate, for `amqps://`. */
  readonly ca?: string | undefined;
  readonly exchange: string;
  /** Names the connection, so that whoever looks at the broker sees what it is for. The queue's name the broker gives. */
  readonly name: string;
  /** What a URL's origin is called in the counts, e.g. `urp-1`; without an entry, by its host name. */
  readonly hosts?: ReadonlyMap<string, string>;
}

export interface Tap extends EventEmitter<{ announced: [file: string]; dispatched: [file: string] }> {
  readonly counts: TapCounts;
  close(): Promise<void>;
}

const inputPattern = "v00.urp.input.#";
const notifyPattern = "v00.urp.notify.#";
const reconnectDelayMs = 100;
const reconnectDelayMaxMs = 1000;
const heartbeatSeconds = 5;
const closeTimeoutMs = 2000;

/**
 * Listens to the announcements as one more consumer, on an exclusive queue of its own that goes with the connection: the
 * other consumers get what they would get without it. Rejects when the first connection fails; after that it reconnects
 * for ever and counts each gap.
 */
export async function openTap(options: TapOptions): Promise<Tap> {
  const counts = { announced: new Map<string, string[]>(), dispatched: new Map<string, string[]>(), tapGaps: 0 };
  const events = new EventEmitter<{ announced: [string]; dispatched: [string] }>();
  const count = (message: ConsumeMessage | null): void => {
    if (message === null) return;
    const parsed = codecs.v00.parse({ body: message.content, headers: message.properties.headers ?? {} });
    // Not an announcement: the agents' business (they dead-letter it), and no part of any product's count.
    if (!parsed.ok) return;
    const kind = message.fields.routingKey.startsWith("v00.urp.input.") ? "announced" : "dispatched";
    const file = fileNameOf(parsed.value);
    const host = hostOf(parsed.value.baseUrl, options.hosts);
    const earlier = counts[kind].get(file);
    if (earlier) earlier.push(host);
    else counts[kind].set(file, [host]);
    events.emit(kind, file);
  };
  const setup = async (model: ChannelModel): Promise<void> => {
    const channel = await model.createChannel();
    const { queue } = await channel.assertQueue("", { exclusive: true, durable: false });
    await channel.bindQueue(queue, options.exchange, inputPattern);
    await channel.bindQueue(queue, options.exchange, notifyPattern);
    await channel.consume(queue, count, { noAck: true, exclusive: true });
  };
  const connection = await connectForEver(options, setup);
  connection.on("disconnect", () => {
    counts.tapGaps++;
  });
  return Object.assign(events, { counts, close: () => closeConnection(connection) });
}

/** Where the broker's address has just moved nobody answers any more, and amqplib would wait for ever. */
export async function closeConnection(connection: RecoveringChannelModel): Promise<void> {
  await Promise.race([connection.close(), sleep(closeTimeoutMs, undefined, { ref: false })]);
}

/** A connection that is made again whenever it is lost, and set up anew. Rejects when the first one fails. */
export async function connectForEver(
  { broker, ca, name }: Pick<TapOptions, "broker" | "ca" | "name">,
  setup: (model: ChannelModel) => Promise<void>,
): Promise<RecoveringChannelModel> {
  const connection = await connect(withHeartbeat(broker), {
    clientProperties: { connection_name: name },
    ...(ca === undefined ? {} : { ca }),
    recovery: {
      initialMaxRetries: 0,
      initialDelay: reconnectDelayMs,
      maxDelay: reconnectDelayMaxMs,
      setup,
    },
  });
  // Every loss is followed by another try; an "error" without a listener would end the process instead.
  connection.on("error", () => {});
  return connection;
}

function withHeartbeat(broker: string): string {
  const url = new URL(broker);
  if (!url.searchParams.has("heartbeat")) url.searchParams.set("heartbeat", String(heartbeatSeconds));
  return url.href;
}

function hostOf(baseUrl: string, hosts: TapOptions["hosts"]): string {
  const url = URL.parse(baseUrl);
  return url === null ? baseUrl : (hosts?.get(url.origin) ?? url.hostname);
}
