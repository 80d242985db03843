import { setTimeout as delay } from "node:timers/promises";
import { type Channel, type ChannelModel, connect } from "amqplib";

// A program: `node hostile-client.ts URL EXCHANGE KEY SECONDS CONNECTIONS_PER_SECOND BYTES_PER_SECOND MESSAGE_BYTES [OWN_ADDRESS]`. It does what it
// may, as often as it can, and prints what was accepted and refused as one line of JSON. It runs in a process of its own, so that it doesn't slow
// its test down.

const [url = "", exchange = "", key = "", ...limits] = process.argv.slice(2);
const [seconds = "", connectionsPerSecond = "", bytesPerSecond = "", messageBytes = "", localAddress] = limits;
/** Not all of what goes to the socket is in the client's types. */
const socketOptions: object = { timeout: 10_000, localAddress, rejectUnauthorized: false };
const queuesWanted = 10_000;
const declaringChannels = 16;
const ended = Date.now() + Number(seconds) * 1000;
const counts = {
  declaringChannels,
  ...{ connections: 0, connectionsRefused: 0, queues: 0, queuesRefused: 0, published: 0, unacknowledged: 0 },
  ...{ largeRefused: 0, wildcardsRefused: 0, otherRefused: 0 },
  /** What ended a part of its work early. */
  endedBy: [] as string[],
};
/** Queues that it has asked for. */
let number = 0;
/** On a slow machine, it continues until it has met the limit on queues. */
const isTime = () => Date.now() < ended + (counts.queuesRefused > 0 ? 0 : 3 * Number(seconds) * 1000);

async function open(): Promise<ChannelModel | undefined> {
  try {
    const connection = await connect(url, socketOptions);
    connection.on("error", () => {});
    counts.connections += 1;
    return connection;
  } catch {
    counts.connectionsRefused += 1;
    return undefined;
  }
}

/** A refusal closes the channel. */
async function channelOf(connection: ChannelModel): Promise<Channel> {
  const channel = await connection.createChannel();
  channel.on("error", () => {});
  return channel;
}

/** Everything, if it may bind that; else `key`. */
let bindingKey = "#";

async function bind(connection: ChannelModel, queue: string): Promise<void> {
  const channel = await channelOf(connection);
  try {
    await channel.bindQueue(queue, exchange, bindingKey);
    await channel.close();
  } catch {
    counts.wildcardsRefused += 1;
    bindingKey = key;
    await (await channelOf(connection)).bindQueue(queue, exchange, bindingKey);
  }
}

/** Queues that get each announcement, with consumers that never acknowledge. */
async function declareQueues(connection: ChannelModel, isEnough: () => boolean): Promise<void> {
  let channel = await channelOf(connection);
  while (number < queuesWanted && isTime() && !isEnough()) {
    number += 1;
    try {
      // With a name from the broker, as every setting of permissions allows. It stays.
      const { queue } = await channel.assertQueue("", { durable: true, exclusive: false, autoDelete: false });
      counts.queues += 1;
      await bind(connection, queue);
      await channel.consume(queue, () => {
        counts.unacknowledged += 1;
      });
    } catch (error) {
      if (/queue limit .* is reached/.test(String(error))) counts.queuesRefused += 1;
      else counts.otherRefused += 1;
      channel = await channelOf(connection);
    }
  }
}

/** One channel up to the limit: the broker counts the queues that exist, so what several declare at the same moment may exceed it. */
async function declareOnAll(connection: ChannelModel): Promise<void> {
  await declareQueues(connection, () => counts.queuesRefused > 0);
  await Promise.all(Array.from({ length: declaringChannels }, () => declareQueues(connection, () => false)));
}

/** One that it may declare: with the traditional permissions, only beside the shared one. */
async function ownExchange(connection: ChannelModel): Promise<string> {
  const names = ["q_anonymous.hostile", `${exchange}.hostile`];
  for (const name of names) {
    const options = { durable: false, autoDelete: true };
    const channel = await channelOf(connection);
    if (await channel.assertExchange(name, "fanout", options).catch(() => undefined)) return name;
  }
  throw new Error(`may declare none of ${names.join(", ")}`);
}

/** Sends itself messages of the largest size through an exchange of its own, and one that is too large. */
async function publish(connection: ChannelModel): Promise<void> {
  const body = Buffer.alloc(Number(messageBytes), "x");
  const own = await ownExchange(connection);
  const tooLarge = await channelOf(connection);
  const closed = new Promise<void>((resolve) => tooLarge.once("close", resolve));
  tooLarge.publish(own, "", Buffer.concat([body, Buffer.from("x")]));
  await closed;
  counts.largeRefused += 1;
  const channel = await channelOf(connection);
  const { queue } = await channel.assertQueue("", { durable: true });
  await channel.bindQueue(queue, own, "");
  await channel.consume(queue, () => {
    counts.unacknowledged += 1;
  });
  for (; isTime(); counts.published++) {
    if (!channel.publish(own, "", body, { persistent: true })) {
      await Promise.race([new Promise((resolve) => channel.once("drain", resolve)), delay(Number(seconds) * 1000)]);
    }
    await delay((body.length / Number(bytesPerSecond)) * 1000);
  }
}

const [first, second] = [await open(), await open()];
if (!first || !second) throw new Error("no connection");
const works = [declareOnAll(first), publish(second)].map((work) =>
  work.catch((error: Error) => counts.endedBy.push(error.message)),
);
const opening: Promise<unknown>[] = [];
for (; isTime(); await delay(1000 / Number(connectionsPerSecond))) opening.push(open());
await Promise.race([Promise.all([...works, ...opening]), delay(2000)]);
process.stdout.write(`${JSON.stringify(counts)}\n`);
process.exit(0);
