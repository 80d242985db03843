import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type ChannelModel, type ConsumeMessage, connect, type RecoveringChannelModel } from "amqplib";
import { fileNameOf } from "../../agents/lib/announcement.ts";
import { codecs, type WireFormat } from "../../agents/lib/codecs.ts";

/** What has passed the exchange so far. Keys are file names with their reception stamp, as in the announcements. */
export interface TapCounts {
  /** Announcements of the URPs by file: the host of each one's URL. A repeated announcement adds another entry. */
  readonly announced: ReadonlyMap<string, readonly string[]>;
  /** What the dispatcher forwarded, by file, in the same form. */
  readonly dispatched: ReadonlyMap<string, readonly string[]>;
  /** Times without a connection. Messages that passed meanwhile are not counted, so counts are then lower bounds. */
  readonly tapGaps: number;
}

export interface TapOptions {
  /** `amqp://user:password@host:port/vhost`, or `amqps://…`. */
  readonly broker: string;
  /** PEM of the CA of the broker's certificate, for `amqps://`. */
  readonly ca?: string | undefined;
  readonly exchange: string;
  /** The connection's name, which shows its purpose at the broker. The broker names the queue. */
  readonly name: string;
  /** Names for URL origins in the counts, e.g. `urp-1`; by default the host name. */
  readonly hosts?: ReadonlyMap<string, string>;
  /** By default the agents'. */
  readonly messages?: TappedMessages;
  /** Gets a line of text if the broker can't be used at the start. */
  say(line: string): void;
}

export interface Tap extends EventEmitter<{ announced: [file: string]; dispatched: [file: string] }> {
  readonly counts: TapCounts;
  close(): Promise<void>;
}

/** Format of the messages, and their topics without what varies. */
export interface TappedMessages {
  readonly format: WireFormat;
  readonly input: string;
  readonly notify: string;
}

const agentsMessages: TappedMessages = { format: "v00", input: "v00.urp.input", notify: "v00.urp.notify" };
const reconnectDelayMs = 100;
const reconnectDelayMaxMs = 1000;
const heartbeatSeconds = 5;
const closeTimeoutMs = 2000;
/** After which the others don't wait for the first connection any longer: an address that has just moved answers nothing. */
const firstConnectionMs = 5000;

/**
 * Subscribes to the announcements with its own exclusive queue, which the broker deletes with the connection. The
 * other consumers are not affected. It reconnects forever and counts each gap.
 */
export async function openTap(options: TapOptions): Promise<Tap> {
  const counts = { announced: new Map<string, string[]>(), dispatched: new Map<string, string[]>(), tapGaps: 0 };
  const events = new EventEmitter<{ announced: [string]; dispatched: [string] }>();
  const { format, input, notify } = options.messages ?? agentsMessages;
  const count = (message: ConsumeMessage | null): void => {
    if (message === null) return;
    const parsed = codecs[format].parse({ body: message.content, headers: message.properties.headers ?? {} });
    // Not an announcement: the agents dead-letter it, and it does not belong to any product.
    if (!parsed.ok) return;
    const kind = message.fields.routingKey.startsWith(`${input}.`) ? "announced" : "dispatched";
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
    await channel.bindQueue(queue, options.exchange, `${input}.#`);
    await channel.bindQueue(queue, options.exchange, `${notify}.#`);
    await channel.consume(queue, count, { noAck: true, exclusive: true });
  };
  const connection = await connectForEver(options, setup, () => counts.tapGaps++);
  return Object.assign(events, { counts, close: () => closeConnection(connection) });
}

/** Milliseconds for a connection: amqplib would wait forever for an address that has just moved. */
export async function closeConnection(connection: RecoveringChannelModel): Promise<void> {
  await Promise.race([connection.close(), sleep(closeTimeoutMs, undefined, { ref: false })]);
}

/**
 * A connection that reconnects and repeats its setup whenever it is lost. Resolves after the first attempt, or five seconds; if there is no connection
 * then, a line says so, and the attempts continue.
 *
 * @param onGap called whenever there is no connection any more, or not yet
 */
export async function connectForEver(
  { broker, ca, name, say }: Pick<TapOptions, "broker" | "ca" | "name" | "say">,
  setup: (model: ChannelModel) => Promise<void>,
  onGap: () => void,
): Promise<RecoveringChannelModel> {
  const connection = await connect(withHeartbeat(broker), {
    clientProperties: { connection_name: name },
    ...(ca === undefined ? {} : { ca }),
    recovery: { waitForConnect: false, initialDelay: reconnectDelayMs, maxDelay: reconnectDelayMaxMs, setup },
  });
  // Each loss is followed by another attempt; an "error" event without a listener would end the process.
  connection.on("error", () => {});
  connection.on("disconnect", onGap);
  const error = await new Promise<Error | undefined>((resolve) => {
    connection.once("connect", () => resolve(undefined));
    connection.once("connect-failed", resolve);
    setTimeout(() => resolve(new Error(`no answer within ${firstConnectionMs / 1000} s`)), firstConnectionMs).unref();
  });
  if (error) {
    onGap();
    const { host } = new URL(broker);
    say(`the broker at ${host} can't be used (${error.message}); its messages are not counted until it answers`);
  }
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
