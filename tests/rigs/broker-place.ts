import { randomBytes } from "node:crypto";
import { type ChannelModel, connect } from "amqplib";
import { ConfigError, UserError } from "../../agents/lib/errors.ts";
import { deadLetterExchange, deadLetterQueue } from "../../agents/lib/topology.ts";

/** Where on a broker a run takes place: names of its own, so that it meets nothing that is there already. */
export interface BrokerPlace {
  readonly url: string;
  readonly exchange: string;
  readonly inputQueue: string;
  readonly pullQueue: string;
  /** The dispatcher's own copy of what goes out. */
  readonly ledgerQueue: string;
}

const connectTimeoutMs = 5000;

/**
 * Names for one run. They begin with `cmc.` like the real ones: policies and permissions for `^cmc\.` hold for them too,
 * so that queues which are mirrored in production are mirrored here.
 */
export function uniquePlace(url: string): BrokerPlace {
  const prefix = `cmc.flow-${randomBytes(4).toString("hex")}`;
  const queue = (name: string): string => `${prefix}.urp.${name}`;
  return { url, exchange: prefix, inputQueue: queue("input"), pullQueue: queue("pull"), ledgerQueue: queue("ledger") };
}

/**
 * Checks that a broker answers and lets us in, and makes the exchange. Resolves to what takes the run's names off the broker
 * again, for when no agent runs any more.
 */
export async function preparePlace(place: BrokerPlace): Promise<() => Promise<void>> {
  parseBrokerUrl(place.url);
  // The agents' dead letters have one fixed place. Where it is in use already, it stays.
  const hadDeadLetters = await exchangeExists(place.url, deadLetterExchange);
  await withChannel(place.url, async (channel) => {
    await channel.assertExchange(place.exchange, "topic", { durable: true });
  });
  return () =>
    withChannel(place.url, async (channel) => {
      for (const queue of [place.inputQueue, place.pullQueue, place.ledgerQueue]) await channel.deleteQueue(queue);
      await channel.deleteExchange(place.exchange);
      if (hadDeadLetters) return;
      await channel.deleteQueue(deadLetterQueue);
      await channel.deleteExchange(deadLetterExchange);
    });
}

async function exchangeExists(url: string, exchange: string): Promise<boolean> {
  try {
    await withChannel(url, async (channel) => {
      await channel.checkExchange(exchange);
    });
    return true;
  } catch (error) {
    // Only "there is none" is an answer; the rest is what connecting or asking failed with.
    if (error instanceof UserError && /404/.test(error.message)) return false;
    throw error;
  }
}

/** Reads `amqp://user:password@host:port/vhost` into what the agents' configs take. */
export function parseBrokerUrl(text: string): { host: string; vhost: string; user: string; password: string } {
  const example = "write it as amqp://user:password@host:5672/vhost (without /vhost: the vhost /)";
  const url = URL.parse(text);
  const decode = (part: string, what: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw fault(`its ${what} has a "%" that starts no escape: write % itself as %25`);
    }
  };
  const fault = (message: string): ConfigError =>
    new ConfigError("--broker", [{ path: maskPassword(text), message }], example);
  if (url === null || !url.hostname) throw fault("is not the URL of a broker");
  if (url.protocol !== "amqp:") throw fault(`is ${url.protocol}, expected amqp:`);
  const vhost = decode(url.pathname.slice(1), "vhost");
  return {
    host: `${url.hostname}:${url.port || 5672}`,
    vhost: vhost === "" ? "/" : vhost,
    user: decode(url.username, "user name") || "guest",
    password: decode(url.password, "password") || "guest",
  };
}

/** For messages: nobody's password belongs on a screen or in a log. */
export function maskPassword(url: string): string {
  return url.replace(/(:\/\/[^:/@]*):[^@]*@/, "$1:***@");
}

type Channel = Awaited<ReturnType<ChannelModel["createChannel"]>>;

async function withChannel(url: string, use: (channel: Channel) => Promise<void>): Promise<void> {
  try {
    const connection = await connect(url, { timeout: connectTimeoutMs });
    connection.on("error", () => {});
    try {
      const channel = await connection.createChannel();
      channel.on("error", () => {});
      await use(channel);
    } finally {
      await connection.close().catch(() => {});
    }
  } catch (error) {
    throw explain(url, error);
  }
}

/** One line for what the broker, the network or the system said. */
function explain(url: string, error: unknown): UserError {
  const said = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const { user, host, vhost } = parseBrokerUrl(url);
  const [message, remedy] = /ACCESS_REFUSED|403/.test(said)
    ? /login|authentication/i.test(said) || code === ""
      ? [`refuses user ${user}`, "look at user name and password in the URL"]
      : [
          `user ${user} may not do this in vhost ${vhost}: ${said}`,
          "the user needs configure, write and read on ^cmc\\.",
        ]
    : /NOT_ALLOWED|530|ConnectionOpenOk/.test(said)
      ? [`has no vhost ${vhost}, or user ${user} may not enter it`, "look at the vhost at the end of the URL"]
      : [`can't be reached at ${host}: ${said || code}`, "is it running, and is this its AMQP port?"];
  return new UserError(maskPassword(url), message, remedy, { cause: error });
}
