import { randomBytes } from "node:crypto";
import { type ChannelModel, connect } from "amqplib";
import { UserError } from "../../agents/lib/errors.ts";

/** Where on a broker a run takes place: names of its own, so that it meets nothing that is there already. */
export interface BrokerPlace {
  readonly url: string;
  readonly exchange: string;
  readonly inputQueue: string;
  readonly pullQueue: string;
}

const connectTimeoutMs = 5000;

/**
 * Names for one run. They begin with `cmc.` like the real ones: policies and permissions for `^cmc\.` hold for them too,
 * so that queues which are mirrored in production are mirrored here.
 */
export function uniquePlace(url: string): BrokerPlace {
  const prefix = `cmc.flow-${randomBytes(4).toString("hex")}`;
  return { url, exchange: prefix, inputQueue: `${prefix}.urp.input`, pullQueue: `${prefix}.urp.pull` };
}

/** Checks that a broker answers and lets us in, and makes the exchange: agents declare queues, but no exchanges. */
export async function preparePlace(place: BrokerPlace): Promise<void> {
  await withChannel(place.url, async (channel) => {
    await channel.assertExchange(place.exchange, "topic", { durable: true });
  });
}

/** Takes the run's queues and its exchange off the broker again. Call it when no agent runs any more. */
export async function removePlace(place: BrokerPlace): Promise<void> {
  await withChannel(place.url, async (channel) => {
    await channel.deleteQueue(place.inputQueue);
    await channel.deleteQueue(place.pullQueue);
    await channel.deleteExchange(place.exchange);
  });
}

/** Reads `amqp://user:password@host:port/vhost` into what the agents' configs take. */
export function parseBrokerUrl(text: string): { host: string; vhost: string; user: string; password: string } {
  const example = "write it as amqp://user:password@host:5672/vhost (without /vhost: the vhost /)";
  const url = URL.parse(text);
  if (url === null || !url.hostname) throw new UserError(maskPassword(text), "is not the URL of a broker", example);
  if (url.protocol !== "amqp:") throw new UserError(maskPassword(text), `is ${url.protocol} and not amqp:`, example);
  const vhost = decodeURIComponent(url.pathname.slice(1));
  return {
    host: `${url.hostname}:${url.port || 5672}`,
    vhost: vhost === "" ? "/" : vhost,
    user: decodeURIComponent(url.username) || "guest",
    password: decodeURIComponent(url.password) || "guest",
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
    : /NOT_ALLOWED|530/.test(said)
      ? [`has no vhost ${vhost}, or user ${user} may not enter it`, "look at the vhost at the end of the URL"]
      : [`can't be reached at ${host}: ${said || code}`, "is it running, and is this its AMQP port?"];
  return new UserError(maskPassword(url), message, remedy, { cause: error });
}
