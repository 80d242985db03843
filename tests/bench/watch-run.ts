import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ConsumeMessage } from "amqplib";
import { request } from "undici";
import type * as z from "zod";
import { orAborted } from "../../agents/lib/aborted.ts";
import { UserError } from "../../agents/lib/errors.ts";
import type { configSchema } from "../../agents/watcher/config.ts";
import { inotifywait, installMissing } from "../../scripts/lib/packages.ts";
import { AgentProcess } from "../rigs/agent-process.ts";
import type { Cleanup } from "../rigs/cleanup.ts";
import { type BenchSteps, cleanly } from "./cleanly.ts";
import { type BenchPlace, openBenchPlace } from "./place.ts";
import { cpuSeconds } from "./usage.ts";
import { FileCount } from "./watch-count.ts";
import type { WatchPlan } from "./watch-plan.ts";
import type { WatchResult } from "./watch-report.ts";
import type { WriterAccount, WriterOrder } from "./watch-writer.ts";

export interface WatchBenchOptions extends BenchSteps {
  readonly plan: WatchPlan;
}

const exchange = "xpublic";
const trees = ["warm", "measured"] as const;
type Tree = (typeof trees)[number];
const stalledAfterMs = 60_000;

/**
 * A writer process renames files into a watched tree at a steady rate, and a client of the broker counts their announcements. Broker,
 * watcher, writer and folders are removed before it resolves or rejects.
 */
export function runWatchBench({ plan, signal, onStep }: WatchBenchOptions): Promise<WatchResult> {
  return cleanly(signal, async (cleanup) => {
    await installMissing([inotifywait], onStep);
    const place = await openBenchPlace({ queueType: "classic", onStep }, cleanup);
    await place.admin.assertExchange(exchange, "topic");
    const count = await listen(place);
    const root = join(place.directory, "public");
    for (const tree of trees) await mkdir(join(root, tree), { recursive: true });
    const watcher = await startWatcher(place, root, cleanup);
    const scene = { plan, place, root, count, signal, cleanup };
    onStep(`warming up with ${plan.warmUpSeconds} s of files`);
    await writeTree("warm", plan.warmUpSeconds, scene);
    onStep(`${plan.filesPerSecond} files per second for ${plan.seconds} s`);
    const before = { watcher: used(watcher.pid), broker: used(place.broker.pid), rescans: await rescansOf(watcher) };
    const account = await writeTree("measured", plan.seconds, scene);
    const files = plan.filesPerSecond * plan.seconds;
    const rescans = await rescansOf(watcher);
    return {
      plan,
      brokerVersion: place.broker.version,
      ...count.account,
      ...account,
      rescans: rescans.trees - before.rescans.trees,
      foundByRescan: rescans.found - before.rescans.found,
      watcherMicroseconds: ((used(watcher.pid) - before.watcher) / files) * 1e6,
      brokerMicroseconds: ((used(place.broker.pid) - before.broker) / files) * 1e6,
    };
  });
}

/** A client that gets all announcements, with a queue that is deleted with its connection. */
async function listen({ admin }: BenchPlace): Promise<FileCount> {
  const count = new FileCount();
  const { queue } = await admin.assertQueue("", { exclusive: true, durable: false });
  await admin.bindQueue(queue, exchange, "v02.post.#");
  const onMessage = (message: ConsumeMessage | null): void => {
    if (message) count.add(message.content);
  };
  await admin.consume(queue, onMessage, { noAck: true });
  return count;
}

async function startWatcher(place: BenchPlace, rootDirectory: string, cleanup: Cleanup): Promise<AgentProcess> {
  const config: z.input<typeof configSchema> = {
    broker: place.brokerSettings,
    metrics: { port: 0 },
    exchange,
    rootDirectory,
    trees: [...trees],
    baseUrl: "http://dd1.weather.gc.ca/",
    formats: ["v02"],
  };
  const watcher = new AgentProcess(
    {
      name: "dd",
      agent: "watcher",
      config,
    },
    place.directory,
  );
  cleanup.add(() => watcher.stop());
  await watcher.start();
  return watcher;
}

interface Scene {
  readonly plan: WatchPlan;
  readonly place: BenchPlace;
  readonly root: string;
  readonly count: FileCount;
  readonly signal: AbortSignal;
  readonly cleanup: Cleanup;
}

/** Resolves when the client has an announcement of each file, or got none for `stalledAfterMs`. */
async function writeTree(tree: Tree, seconds: number, scene: Scene): Promise<WriterAccount> {
  const { plan, place, root, count, signal, cleanup } = scene;
  const { filesPerSecond, folders, fileBytes } = plan;
  const files = Math.ceil(filesPerSecond * seconds);
  const staging = join(place.directory, `staging-${tree}`);
  const order: WriterOrder = { staging, tree: join(root, tree), folders, files, filesPerSecond, fileBytes };
  signal.throwIfAborted();
  const program = fileURLToPath(new URL("watch-writer.ts", import.meta.url));
  const writer = spawn(process.execPath, [program, JSON.stringify(order)], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(writer, "exit");
  cleanup.add(async () => {
    writer.stdin.end();
    await exited;
  });
  const lines = createInterface({ input: writer.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const line = await orAborted(lines.next(), signal);
    signal.throwIfAborted();
    if (!line || line.done) throw new UserError("bench", "the writer exited early");
    return line.value;
  };
  await next();
  count.begin(tree, files);
  writer.stdin.write("go\n");
  const account: WriterAccount = JSON.parse(await next());
  for (let before = -1; !count.isComplete && count.heard > before; ) {
    before = count.heard;
    const late = new AbortController();
    const waiting = sleep(stalledAfterMs, undefined, { signal: AbortSignal.any([signal, late.signal]) });
    await Promise.race([count.complete, waiting]).finally(() => late.abort());
    await waiting.catch(() => {});
  }
  return account;
}

async function rescansOf(watcher: AgentProcess): Promise<{ readonly trees: number; readonly found: number }> {
  const [, port] = /"metricsPort":(\d+)/.exec(await readFile(watcher.logFile, "utf8")) ?? [];
  const answer = await request(`http://127.0.0.1:${port}/metrics`);
  const text = await answer.body.text();
  const sample = (name: string) =>
    Number(
      text
        .split("\n")
        .find((line) => line.startsWith(`${name} `))
        ?.split(" ")[1] ?? 0,
    );
  return {
    trees: sample('warren_watcher_rescans_total{of="tree"}'),
    found: sample("warren_watcher_found_by_rescan_total"),
  };
}

function used(pid: number | undefined): number {
  if (pid === undefined) throw new UserError("bench", "a process died during the measurement");
  return cpuSeconds(pid);
}
