// A subscriber of WIS2 notifications by MQTT 5: fetches each product once into a folder, and misses none while it or its network is down.
// Needs Node 24 and `npm install mqtt`:
//
//   BROKER_URL=mqtts://everyone:everyone@BROKER node client-mqtt.ts SESSION 'origin/a/wis2/+/data/core/weather/#' FOLDER
//
// Keep the session's name from start to start, and let no other client have it: the broker keeps notifications under it while nobody listens.
// You may kill this program at any time.
import { createHash, getHashes } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "mqtt";

const [clientId = "", topic = "", folder = ""] = process.argv.slice(2);
const brokerUrl = process.env.BROKER_URL ?? "";
if (brokerUrl === "" || folder === "") {
  console.error("usage: BROKER_URL=mqtts://USER:PASSWORD@BROKER node client-mqtt.ts SESSION TOPIC FOLDER");
  process.exit(1);
}

const answerTimeoutMs = 60_000;
const pauseMs = 5000;
const sessionSeconds = 86_400;

interface Notification {
  readonly id: string;
  readonly properties: { readonly integrity?: { readonly method: string; readonly value: string } };
  readonly links: readonly { readonly rel: string; readonly href: string }[];
}

await mkdir(folder, { recursive: true });
const idsFile = join(folder, ".ids");
/** Products that are on the disk: brokers send a notification again if they don't know that it was acked. */
const ids = new Set((await readFile(idsFile, "utf8").catch(() => "")).split("\n"));
const idsOnDisk = await open(idsFile, "a");

function isIntact(bytes: Buffer, { method, value }: { readonly method: string; readonly value: string }): boolean {
  return getHashes().includes(method) && createHash(method).update(bytes).digest("base64") === value;
}

/** A file gets its name when it is complete, verified and on the disk. The last part of a URL's path is a safe name: no slash, no `.` or `..`. */
async function fetchInto(url: URL, integrity: Notification["properties"]["integrity"]): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(answerTimeoutMs) });
  if (answer.status === 404 || answer.status === 410) return `gone ${url}`;
  if (!answer.ok) throw new Error(`${url}: HTTP ${answer.status}`);
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (integrity && !isIntact(bytes, integrity)) return `damaged ${url}`;
  const path = join(folder, url.pathname.split("/").at(-1) || "index");
  const file = await open(`${path}.part`, "w");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.part`, path);
  return `got ${path}`;
}

/** Resolves when the notification may be acked. */
async function handle(body: string): Promise<void> {
  let url: URL;
  let notification: Notification;
  try {
    notification = JSON.parse(body);
    const link = notification.links.find(({ rel }) => rel === "canonical" || rel === "update");
    url = new URL(link?.href ?? "");
  } catch {
    return console.error(`no product: ${JSON.stringify(body.slice(0, 200))}`);
  }
  if (ids.has(notification.id)) return console.log(`again ${notification.id}`);
  for (;;) {
    try {
      console.log(await fetchInto(url, notification.properties.integrity));
      break;
    } catch (error) {
      console.error((error as Error).message);
      await delay(pauseMs);
    }
  }
  ids.add(notification.id);
  await idsOnDisk.appendFile(`${notification.id}\n`);
}

const client = connect(brokerUrl, {
  protocolVersion: 5,
  clientId,
  clean: false,
  properties: { sessionExpiryInterval: sessionSeconds, receiveMaximum: 20 },
  reconnectPeriod: pauseMs,
});
// The library acks the notification when this calls back. On a new connection the broker has sent it again, so the old one is not acked there.
client.handleMessage = ({ payload }, callback) => {
  const { stream } = client;
  void handle(payload.toString()).then(() => client.stream === stream && callback());
};
client.on("connect", () =>
  client.subscribe(topic, { qos: 1 }, (error) =>
    console.log(error ? `refused: ${error.message}` : `listening: ${topic}`),
  ),
);
client.on("close", () => console.error(`not connected, retrying in ${pauseMs / 1000} s`));
client.on("error", (error) => console.error(error.message));
