import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { announcementUrl, productKey } from "../../agents/lib/announcement.ts";
import { fileNames } from "./names.ts";
import type { Sr3Process } from "./program.ts";
import type { Run } from "./report.ts";
import { startClient } from "./source-run.ts";
import { filesBelow, reasonsOf, type Stage, withOtherContent } from "./stage.ts";

export interface ClientOptions {
  /** Our agents that announce. The bridge translates the watcher's v03. */
  readonly sources: readonly ("watcher" | "sender" | "bridge")[];
  /** A subscriber behind sr3's filter, too, which reads the watcher's announcements in both formats. */
  readonly winnow: boolean;
  readonly count: number;
}

type Format = "v02" | "v03";
const formats: readonly Format[] = ["v02", "v03"];
const prefixes = { v02: "v02.post", v03: "v03" };

/** One sr3 subscriber, what it read, and where it puts the files. */
interface Client {
  readonly name: string;
  /** For the report. */
  readonly title: string;
  readonly folder: string;
  process: Sr3Process;
  log: string;
}

/**
 * Our agents announce files, and a subscriber of sr3 in each format fetches them. Halfway, watcher, sender and bridge are killed, and the
 * subscribers stopped, while the rest is written.
 */
export async function runClients(stage: Stage, { sources, winnow, count }: ClientOptions): Promise<Run[]> {
  const deadLetters = await stage.tapDeadLetters();
  for (const name of ["watcher", "sender", "bridge"]) {
    await stage.channel.assertExchange(`sr3-${name}`, "topic", { durable: true });
  }
  const starting: Promise<Client>[] = [];
  for (const source of sources) {
    await starters[source](stage);
    const read = source === "bridge" ? formats.filter((format) => format === "v02") : formats;
    starting.push(...read.map((format) => subscribe(stage, source, format)));
  }
  if (winnow) starting.push(...formats.map((format) => subscribeBehindWinnow(stage, format)));
  const clients = await Promise.all(starting);

  const first = fileNames("a", Math.ceil(count / 2));
  const rest = fileNames("b", count - first.length);
  const names = [...first, ...rest];
  const have = (wanted: readonly string[]) => () =>
    clients.every(({ folder }) => {
      const there = new Set(filesBelow(folder));
      return wanted.every((name) => there.has(name));
    });
  announce(stage, sources, first);
  await stage.until(have(first));
  const stopped = clients.map(async (client) => {
    await client.process.stop();
    client.log += client.process.log;
  });
  await Promise.all(stopped);
  for (const source of sources) await stage.restart(source, () => announceOnce(stage, source, sources, rest));
  const started = clients.map(async (client) => {
    client.process = await startClient(stage, "subscribe", client.name);
  });
  await Promise.all(started);
  await stage.until(have(names));
  return clients.map((client) => countClient(client, names, reasonsOf(deadLetters)));
}

function countClient(
  { title, folder, log, process }: Client,
  names: readonly string[],
  setAside: Run["setAside"],
): Run {
  const there = filesBelow(folder);
  const heard = new Set(there);
  const fetched = [...(log + process.log).matchAll(/downloaded ok: (.*) size: /g)].map(([, name]) => name);
  return {
    name: title,
    posted: names.length,
    passedOver: 0,
    heard: names.filter((name) => heard.has(name)).length - withOtherContent(folder, there, (name) => name).length,
    setAside,
    missing: names.filter((name) => !heard.has(name)),
    repeated: fetched.length - new Set(fetched).size,
  };
}

const starters = {
  watcher: (stage: Stage) =>
    stage.start("watcher", "watcher", {
      exchange: "sr3-watcher",
      rootDirectory: stage.tree,
      trees: ["radar"],
      baseUrl: stage.server.baseUrl,
      formats,
      settleMs: 50,
    }),
  sender: (stage: Stage) => {
    const queueDirectory = path.join(stage.folder, "txq");
    mkdirSync(queueDirectory);
    return stage.start("sender", "sender", {
      type: "amqp",
      queueDirectory,
      rules: [{ accept: "^(.*)\\+\\+.*" }],
      validation: false,
      exchange: "sr3-urls",
      exchangeKey: "exp.dd.notify.radar",
      alsoFormats: formats.map((format) => ({ format, exchange: "sr3-sender", topicPrefix: prefixes[format] })),
      productRootDirectory: stage.tree,
    });
  },
  bridge: (stage: Stage) =>
    stage.start("bridge", "bridge", {
      queue: "cmc.bridge.sr3-clients",
      from: { format: "v03", exchange: "sr3-watcher", topicPrefix: "v03" },
      to: [{ format: "v02", exchange: "sr3-bridge", topicPrefix: "v02.post" }],
    }),
};

/** The files, which the watcher finds, and their URLs for the sender. */
function announce(stage: Stage, sources: ClientOptions["sources"], names: readonly string[]): void {
  stage.write(names);
  if (sources.includes("sender")) writeUrls(stage, names);
}

/** While this source is dead: the tree is everybody's, the txq the sender's. */
function announceOnce(
  stage: Stage,
  source: ClientOptions["sources"][number],
  sources: ClientOptions["sources"],
  names: readonly string[],
): void {
  if (source === sources[0]) stage.write(names);
  if (source === "sender") writeUrls(stage, names);
}

function writeUrls(stage: Stage, names: readonly string[]): void {
  const txq = path.join(stage.folder, "txq");
  for (const relPath of names) {
    const file = path.join(txq, `radar++${productKey(relPath)}`);
    const unfinished = path.join(txq, ".unfinished");
    writeFileSync(unfinished, announcementUrl({ baseUrl: stage.server.baseUrl, relPath }));
    renameSync(unfinished, file);
  }
}

async function subscribe(stage: Stage, source: string, format: Format): Promise<Client> {
  const name = `${source}-${format}`;
  const folder = path.join(stage.folder, `got-${name}`);
  stage.sr3.configure("subscribe", name, [
    ...input(stage, `sr3-${source}`, prefixes[format]),
    `directory ${folder}`,
    "mirror True",
    // Of files that could not be fetched at once, e.g. on a busy machine.
    "retry_ttl 60s",
  ]);
  const process = await startClient(stage, "subscribe", name);
  return { name, title: `${source} ${format}, subscribe`, folder, process, log: "" };
}

const input = (stage: Stage, exchange: string, topicPrefix: string) => [
  `broker ${stage.sr3Broker}`,
  `exchange ${exchange}`,
  `topicPrefix ${topicPrefix}`,
  ...["subtopic #", "durable True", "auto_delete False", "expire 1h", "prefetch 25"],
];

/** `winnow` posts in the format that it reads. */
async function subscribeBehindWinnow(stage: Stage, format: Format): Promise<Client> {
  const exchange = `sr3-winnow-${format}`;
  await stage.channel.assertExchange(exchange, "topic", { durable: true });
  const output = [`post_broker ${stage.sr3Broker}`, `post_exchange ${exchange}`];
  stage.sr3.configure("winnow", format, [...input(stage, "sr3-watcher", prefixes[format]), ...output]);
  await startClient(stage, "winnow", format);
  const client = await subscribe(stage, `winnow-${format}`, format);
  return { ...client, title: `watcher ${format}, winnow, subscribe` };
}
