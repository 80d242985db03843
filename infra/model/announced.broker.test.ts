import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ConfirmChannel, connect } from "amqplib";
import { expect, test, vi } from "vitest";
import { fileNameOf } from "../../agents/lib/announcement.ts";
import { codecs } from "../../agents/lib/codecs.ts";
import { useAgentTests } from "../../tests/rigs/agent-tests.ts";
import { TestedAgent } from "../../tests/rigs/tested-agent.ts";
import { announcedLines } from "./announced.ts";
import { contentOf, fixtureConfig, fixtureModel, hostOf } from "./fixture.ts";

const waitMs = { timeout: 100_000, interval: 50 };
const stack = fixtureConfig("op");
const datamart = stack.datamarts.dd;
if (!datamart) throw new TypeError("stack op has no dd");
const cluster = fixtureModel(stack).clusters.find(({ name }) => name === "dd");
const configOf = (host: string, agent: string) =>
  JSON.parse(contentOf(hostOf(host, stack), `/etc/warren/${agent}.json`));

const tests = useAgentTests("sender");

/** A client's queue with its bindings; the names of the products that it has heard of, in order. */
async function listen(
  channel: ConfirmChannel,
  name: string,
  format: keyof typeof codecs,
  bindings: [string, string][],
) {
  const heard: string[] = [];
  await channel.assertQueue(name, { exclusive: true });
  for (const [exchange, key] of bindings) await channel.bindQueue(name, exchange, key);
  await channel.consume(
    name,
    (message) => {
      if (!message) return;
      if (message.fields.exchange === "") return void heard.push("the end");
      const parsed = codecs[format].parse({ body: message.content, headers: message.properties.headers ?? {} });
      heard.push(parsed.ok ? fileNameOf(parsed.value) : parsed.reason);
    },
    { noAck: true },
  );
  return heard;
}

test("a client on each line hears of each delivery and of each file in a watched tree once", {
  timeout: 240_000,
}, async () => {
  const connection = await connect(tests.broker.url);
  const [root, txq] = [join(tests.folder, "public"), join(tests.folder, "txq")];
  for (const tree of datamart.watchedTrees) mkdirSync(join(root, tree), { recursive: true });
  mkdirSync(txq);
  const watcherFile = join(tests.folder, "watcher.json");
  const own = { broker: tests.brokerSettings, metrics: { port: 0 } };
  const watched = { ...configOf("wxo-b1", "watcher"), ...own, rootDirectory: root };
  writeFileSync(watcherFile, JSON.stringify(watched));
  let watcher: TestedAgent | undefined;
  try {
    const channel = await connection.createConfirmChannel();
    for (const { name, type } of cluster?.exchanges ?? []) await channel.assertExchange(name, type, { durable: true });
    for (const { source, destination, key } of cluster?.exchangeBindings ?? []) {
      await channel.bindExchange(destination, source, key);
    }
    const lines = announcedLines(datamart);
    expect(lines).toHaveLength(6);
    const clients = await Promise.all([
      ...lines.map(({ exchange, format, topicPrefix }) =>
        listen(channel, `q_anonymous.${exchange}.${format}`, format, [[exchange, `${topicPrefix}.#`]]),
      ),
      // As clients did to hear of both deliveries and watched trees.
      listen(channel, "q_anonymous.both", "exp", [
        ["cmc", "exp.dd.notify.#"],
        ["xpublic", "exp.dd.notify.#"],
      ]),
    ]);
    tests.start({ ...configOf("px-1", "notify-dd"), ...own, queueDirectory: txq });
    watcher = new TestedAgent({
      agent: "watcher",
      configFile: watcherFile,
      stateDirectory: join(tests.folder, "watcher"),
    });
    await watcher.logged({ event: "ready" });
    const names = Array.from({ length: 5 }, (_, index) => [`delivered-${index}.gif`, `page-${index}.xml`] as const);
    for (const [delivered, page] of names) {
      const queued = join(txq, `radar.24_HR_ACCUM.GIF.XSS++${delivered}:URP:XSS:RADAR:GIF::20130606144709`);
      writeFileSync(`${txq}/.new`, `http://dd1.weather.gc.ca/radar/24_HR_ACCUM/GIF/XSS/${delivered}`);
      renameSync(`${txq}/.new`, queued);
      writeFileSync(join(root, `citypage_weather/${page}`), "<siteData/>\n");
    }
    const all = names.flat().toSorted();
    await vi.waitFor(() => expect(clients.map(({ length }) => length >= all.length)).not.toContain(false), waitMs);
    // Whatever was routed before this is in the queues before it.
    for (const { exchange, format } of lines) channel.sendToQueue(`q_anonymous.${exchange}.${format}`, Buffer.from(""));
    channel.sendToQueue("q_anonymous.both", Buffer.from(""));
    await vi.waitFor(() => expect(clients.map((heard) => heard.at(-1))).toEqual(clients.map(() => "the end")), waitMs);
    for (const heard of clients) expect(heard.slice(0, -1).toSorted()).toEqual(all);
  } finally {
    await watcher?.kill();
    await connection.close();
  }
});
