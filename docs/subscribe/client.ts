// A subscriber: receives announcements, fetches each product into a folder, and misses none while it or its network is down.
// Needs Node 24 and `npm install amqplib`:
//
//   BROKER_URL=amqps://anonymous:PASSWORD@BROKER/ node client.ts q_anonymous.example.radar cmc 'exp.dd.notify.radar.#' FOLDER
//
// Keep the queue's name from start to start: announcements wait in it while nobody listens. You may kill this program at any time.
import { once } from "node:events";
import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "amqplib";

const [queue = "", exchange = "", topic = "", folder = ""] = process.argv.slice(2);
const brokerUrl = process.env.BROKER_URL ?? "";
if (brokerUrl === "" || folder === "") {
  console.error("usage: BROKER_URL=amqps://USER:PASSWORD@BROKER/ node client.ts QUEUE EXCHANGE TOPIC FOLDER");
  process.exit(1);
}

/** Products fetched at a time. */
const prefetch = 5;
const answerTimeoutMs = 60_000;
const pauseMs = 5000;

/** The product's URL, from any format: v03 is JSON, exp is a URL, v02 and v00 end in `base/ path`. */
function urlOf(body: string): URL {
  const [base = "", path = ""] = body.startsWith("{") ? fromJson(body) : body.trim().split(/ +/).slice(-2);
  return path === "" ? new URL(base) : new URL(path.replace(/^\/+/, ""), base);
}

function fromJson(body: string): string[] {
  const { baseUrl, relPath } = JSON.parse(body) as { baseUrl: string; relPath: string };
  return [baseUrl, encodeURI(relPath).replace(/[?#]/g, encodeURIComponent)];
}

/** A file gets its name when it is complete and on the disk. The last part of a URL's path is a safe name: no slash, no `.` or `..`. */
async function fetchInto(url: URL): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(answerTimeoutMs) });
  if (answer.status === 404 || answer.status === 410) return `gone ${url}`;
  if (!answer.ok) throw new Error(`${url}: HTTP ${answer.status}`);
  const path = join(folder, url.pathname.split("/").at(-1) || "index");
  const file = await open(`${path}.part`, "w");
  try {
    await file.writeFile(Buffer.from(await answer.arrayBuffer()));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.part`, path);
  return `got ${path}`;
}

/** @returns false if it must be tried again */
async function isDone(body: string): Promise<boolean> {
  let url: URL;
  try {
    url = urlOf(body);
  } catch {
    console.error(`no announcement: ${JSON.stringify(body.slice(0, 200))}`);
    return true;
  }
  try {
    console.log(await fetchInto(url));
    return true;
  } catch (error) {
    console.error((error as Error).message);
    await delay(pauseMs);
    return false;
  }
}

/** Resolves when the connection has closed. */
async function listen(): Promise<void> {
  const url = new URL(brokerUrl);
  url.searchParams.set("heartbeat", "10");
  const connection = await connect(url.href);
  connection.on("error", (error) => console.error(error.message));
  let isOpen = true;
  const closed = once(connection, "close").then(() => {
    isOpen = false;
  });
  const channel = await connection.createChannel();
  channel.on("error", (error) => console.error(error.message));
  channel.on("close", () => isOpen && connection.close());
  await channel.assertQueue(queue, { durable: true });
  await channel.bindQueue(queue, exchange, topic);
  await channel.prefetch(prefetch);
  await channel.consume(queue, async (message) => {
    // No message: somebody has deleted the queue. Closing the channel declares it again.
    if (!message) return void channel.close();
    const done = await isDone(message.content.toString());
    // Ack only now that the file is there: the broker redelivers what is not acked, also if the connection has closed meanwhile.
    if (!isOpen) return;
    if (done) channel.ack(message);
    else channel.nack(message);
  });
  console.log(`listening: ${queue} ${exchange} ${topic}`);
  await closed;
}

await mkdir(folder, { recursive: true });
for (;;) {
  await listen().catch((error) => console.error(error.message));
  console.error(`not connected, retrying in ${pauseMs / 1000} s`);
  await delay(pauseMs);
}
