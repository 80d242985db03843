import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import type { ProductPlan } from "../../scripts/traffic/plan.ts";
import { runProducts } from "../../scripts/traffic/run.ts";
import { openTap } from "../../scripts/traffic/tap.ts";
import { type FlowOptions, type FlowResult, flowPds, flowUrps } from "../flow/run.ts";
import { preparePlace, uniquePlace } from "../rigs/broker-place.ts";
import { Cleanup } from "../rigs/cleanup.ts";
import { serveProducts } from "../rigs/product-server.ts";
import type { PythonInstallation } from "../sr3/installation.ts";
import {
  consumerSettings,
  productNamePlugin,
  receiverSettings,
  Sr3,
  type Sr3Process,
  sr3AddressOf,
} from "../sr3/program.ts";
import type { ChainAgents } from "./chain-report.ts";

export interface Sr3ChainOptions extends Pick<FlowOptions, "plan" | "samples" | "signal" | "stream"> {
  readonly broker: LocalBroker;
  readonly installation: PythonInstallation;
  readonly onReady: (stage: { readonly agents: ChainAgents }) => Promise<void>;
  readonly onArrived: (stage: { readonly agents: ChainAgents }) => Promise<void>;
}

const topics = { input: "v03.input", notify: "v03.notify" };
/** Seconds between two times that `watch` reads the kernel's events, which double while nothing happens. */
const watchSleep = 0.01;

/**
 * `runFlow` with sr3's programs instead of agents: two `watch`, a `winnow` that compares product names, five `subscribe` that share a queue.
 * Every file is renamed into place, because `watch` announces a file that is still being written. Everything is removed afterwards.
 */
export async function runSr3Chain(options: Sr3ChainOptions): Promise<FlowResult> {
  const { broker, installation, samples, signal, stream } = options;
  const plan = renamedIntoPlace(options.plan);
  const cleanup = new Cleanup();
  try {
    const directory = mkdtempSync(join(tmpdir(), "warren-bench-"));
    cleanup.add(() => rmSync(directory, { recursive: true, force: true }));
    const place = uniquePlace(broker.url);
    cleanup.add(await preparePlace(place));
    const servers = await Promise.all(flowUrps.map((name) => serveProducts(join(directory, name))));
    for (const server of servers) cleanup.add(() => server.close());
    const tap = await openTap({
      ...{ broker: broker.url, exchange: place.exchange, name: "sr3-tap", messages: { format: "v03", ...topics } },
      hosts: new Map(flowUrps.map((name, index) => [new URL(servers[index]?.baseUrl ?? "").origin, name])),
      say: (line) => stream.write(`${line}\n`),
    });
    cleanup.add(() => tap.close());
    const roots = Object.fromEntries(flowUrps.map((name) => [name, join(directory, name, "db")]));
    // `watch` misses a file that comes into a new folder at once.
    for (const copy of plan.products.flatMap(({ copies }) => copies))
      mkdirSync(dirname(join(roots[copy.urp] ?? "", copy.path)), { recursive: true });
    const folders = flowPds.map((pds) => ({ pds, directory: join(directory, pds) }));
    for (const folder of folders) mkdirSync(folder.directory);

    const sr3 = new Sr3(installation, directory, broker.url);
    cleanup.add(() => sr3.killAll());
    const sr3Broker = sr3AddressOf(broker);
    const input = (queue: string, topicPrefix: string, prefetch: number) =>
      consumerSettings({ broker: sr3Broker, exchange: place.exchange, queue, topicPrefix, prefetch });
    const post = (topicPrefix: string) => [
      `post_broker ${sr3Broker}`,
      `post_exchange ${place.exchange}`,
      `post_topicPrefix ${topicPrefix}`,
    ];
    for (const { pds, directory } of folders)
      sr3.configure("subscribe", pds, [...input(place.pullQueue, topics.notify, 1), ...receiverSettings(directory)]);
    writeFileSync(join(directory, "sr3/plugins/product.py"), productNamePlugin);
    sr3.configure("winnow", "products", [
      ...input(place.inputQueue, topics.input, 25),
      ...post(topics.notify),
      "callback_prepend product.Product",
    ]);
    for (const [index, name] of flowUrps.entries())
      sr3.configure("watch", name, [
        ...post(topics.input),
        `post_baseUrl ${servers[index]?.baseUrl}`,
        `post_baseDir ${join(directory, name)}`,
        ...[`path ${roots[name]}`, `sleep ${watchSleep}`, "fileEvents create", "identity none"],
      ]);
    const agents = new Map<string, { readonly pid: number | undefined; readonly spec: { readonly agent: string } }>();
    const running = (name: string, agent: string, process: Sr3Process): Sr3Process => {
      agents.set(name, { pid: process.pid, spec: { agent } });
      return process;
    };
    await Promise.all([
      ...flowPds.map((pds) => running(pds, "puller", sr3.start("subscribe", pds)).logged(/registered consumer/)),
      running("products", "dispatcher", sr3.start("winnow", "products")).logged(/registered consumer/),
      ...flowUrps.map((urp) => running(urp, "announcer", sr3.start("watch", urp)).logged(/now active/)),
    ]);
    await options.onReady({ agents });
    return await runProducts({
      ...{ plan, samples, roots, folders, tap, signal, stream, seconds: {} },
      beforeCount: async () => {
        await options.onArrived({ agents });
        await sr3.killAll();
      },
    });
  } finally {
    await cleanup.run();
  }
}

function renamedIntoPlace(plan: ProductPlan): ProductPlan {
  const products = plan.products.map(({ name, copies }) => ({
    name,
    copies: copies.map((copy) => ({ ...copy, renamed: true })),
  }));
  return { ...plan, products };
}
