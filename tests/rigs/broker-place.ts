import { randomBytes } from "node:crypto";
import { type ChannelModel, connect } from "amqplib";
import { ConfigError, UserError } from "../../agents/lib/errors.ts";
import { deadLetterExchange, deadLetterQueue } from "../../agents/lib/topology.ts";

/** A run's names on a broker, which differ from all existing names. */
export interface BrokerPlace {
  readonly url: string;
  readonly exchange: string;
  readonly inputQueue: string;
  readonly pullQueue: string;
  /** The dispatcher's copy of its publishes. */
  readonly ledgerQueue: string;
}

const connectTimeoutMs = 5000;

/**
 * Names for one run. They start with `cmc.` like the real ones, so that policies and permissions for `^cmc\.` apply, and queues that are
 * mirrored in production are mirrored here.
 */
export function uniquePlace(url: string): BrokerPlace {
  const prefix = `cmc.flow-${randomBytes(4).toString("hex")}`;
  const queue = (name: string): string => `${prefix}.urp.${name}`;
  return { url, exchange: prefix, inputQueue: queue("input"), pullQueue: queue("pull"), ledgerQueue: queue("ledger") };
}

/**
 * Checks that a broker answers and accepts the login, and declares the exchange. Resolves to a function that deletes the run's objects from
 * the broker, to be called when no agent runs any more.
 */
export async function preparePlace(place: BrokerPlace): Promise<() => Promise<void>> {
  parseBrokerUrl(place.url);
  // The agents' dead-letter queue has a fixed name. If it exists, it stays.
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
    // 404 means that it doesn't exist. Other errors are failures of the connection or the query.
    if (error instanceof UserError && /404/.test(error.message)) return false;
    throw error;
  }
}

/** Parses `amqp://user:password@host:port/vhost` into the form of the agents' configs. */
export function parseBrokerUrl(text: string): { host: string; vhost: string; user: string; password: string } {
  const example = "write it as amqp://user:password@host:5672/vhost (without /vhost: the vhost /)";
  const url = URL.parse(text);
  const decode = (part: string, what: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw fault(`its ${what} has a "%" that starts no escape: write a literal % as %25`);
    }
  };
  const fault = (message: string): ConfigError =>
    new ConfigError("--broker", [{ path: maskPassword(text), message }], example);
  if (url === null || !url.hostname) throw fault("is not a broker's URL");
  if (url.protocol !== "amqp:") throw fault(`is ${url.protocol}, expected amqp:`);
  const vhost = decode(url.pathname.slice(1), "vhost");
  return {
    host: `${url.hostname}:${url.port || 5672}`,
    vhost: vhost === "" ? "/" : vhost,
    user: decode(url.username, "user name") || "guest",
    password: decode(url.password, "password") || "guest",
  };
}

/** For messages, which must not contain passwords. */
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

/** One line from an error of the broker, the network or the system. */
function explain(url: string, error: unknown): UserError {
  const answer = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const { user, host, vhost } = parseBrokerUrl(url);
  const [message, remedy] = /ACCESS_REFUSED|403/.test(answer)
    ? /login|authentication/i.test(answer) || code === ""
      ? [`refuses user ${user}`, "check user name and password in the URL"]
      : [`user ${user} lacks permissions in vhost ${vhost}: ${answer}`, "grant it configure, write and read on ^cmc\\."]
    : /NOT_ALLOWED|530|ConnectionOpenOk/.test(answer)
      ? [`has no vhost ${vhost}, or user ${user} has no access to it`, "check the vhost at the end of the URL"]
      : [`can't be reached at ${host}: ${answer || code}`, "check that it runs and that this is its AMQP port"];
  return new UserError(maskPassword(url), message, remedy, { cause: error });
}
