import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isGood } from "../../scripts/traffic/accounting.ts";
import type { Progress } from "../../scripts/traffic/await-arrival.ts";
import { startLocalBroker } from "../../scripts/traffic/local-broker.ts";
import type { ProductPlan } from "../../scripts/traffic/plan.ts";
import type { ProgressStream } from "../../scripts/traffic/progress.ts";
import type { ReceiverFolder } from "../../scripts/traffic/receivers.ts";
import { type RunResult, runProducts } from "../../scripts/traffic/run.ts";
import type { Samples } from "../../scripts/traffic/samples.ts";
import { openTap, type Tap } from "../../scripts/traffic/tap.ts";
import { AgentFailure, AgentProcess } from "../rigs/agent-process.ts";
import { agentSpecs } from "../rigs/agent-specs.ts";
import { parseBrokerUrl, preparePlace, uniquePlace } from "../rigs/broker-place.ts";
import { Cleanup } from "../rigs/cleanup.ts";
import { type ProductServer, serveProducts } from "../rigs/product-server.ts";
import { serveFlowPage } from "./page.ts";

export const flowUrps = ["urp-1", "urp-2"] as const;
export const flowPds = ["pds-1", "pds-2", "pds-3", "pds-4", "pds-5"] as const;

export interface FlowOptions {
  /** The products; its URPs are `flowUrps`. */
  readonly plan: ProductPlan;
  readonly samples: Samples;
  /** An AMQP URL. Without one a broker is started for the run. */
  readonly broker?: string;
  /** Keep the folder with configs, logs, trees and receiver folders. It is also kept after a failed run. */
  readonly keep: boolean;
  /** Serve the live page while products flow. */
  readonly page?: boolean;
  readonly signal: AbortSignal;
  readonly onStep?: (text: string) => void;
  /** Output for the live line. */
  readonly stream: ProgressStream;
  /** `stage`: for tests that disturb the run. */
  readonly onProgress?: (progress: Progress, stage: Pick<Stage, "agents" | "servers">) => void;
  /** Called when all agents are ready, before the first product, and after the last arrival, while they still run: for measurements. */
  readonly onReady?: (stage: Pick<Stage, "agents">) => Promise<void>;
  readonly onArrived?: (stage: Pick<Stage, "agents">) => Promise<void>;
}

export interface FlowResult extends RunResult {
  /** The run's folder, if it was kept. */
  readonly directory?: string;
}

/**
 * Sends a plan's products through agents that run as this user's processes, and counts arrivals. When it resolves or rejects, agents,
 * servers, the run's objects on the broker and its folder (but see `keep`) are removed.
 */
export async function runFlow(options: FlowOptions): Promise<FlowResult> {
  const cleanup = new Cleanup();
  const clock = phaseClock();
  let keepDirectory = options.keep;
  try {
    const directory = await mkdtemp(join(tmpdir(), "warren-flow-"));
    cleanup.add(() => (keepDirectory ? undefined : rm(directory, { recursive: true, force: true })));
    const stage = await setStage(options, directory, cleanup, clock);
    await options.onReady?.(stage);
    options.onStep?.(`sending ${options.plan.products.length} products`);
    const result = await whileAgentsRun(stage, options.signal, (signal) =>
      runProducts({
        ...options,
        ...stage,
        signal,
        seconds: clock.seconds,
        beforeCount: async () => {
          await options.onArrived?.(stage);
          await stage.stopAgents();
        },
        onProgress: (progress) => options.onProgress?.(progress, stage),
      }),
    );
    keepDirectory ||= result.outcome !== "aborted" && !isGood(result.account);
    return { ...result, ...(keepDirectory ? { directory } : {}) };
  } catch (error) {
    keepDirectory ||= error instanceof AgentFailure;
    throw error;
  } finally {
    await cleanup.run();
  }
}

/** Everything that the first product needs. */
export interface Stage {
  readonly roots: Readonly<Record<string, string>>;
  readonly folders: readonly ReceiverFolder[];
  readonly tap: Tap;
  readonly agents: ReadonlyMap<string, AgentProcess>;
  /** By URP. */
  readonly servers: ReadonlyMap<string, ProductServer>;
  stopAgents(): Promise<void>;
}

async function setStage(
  options: FlowOptions,
  directory: string,
  cleanup: Cleanup,
  clock: ReturnType<typeof phaseClock>,
): Promise<Stage> {
  const step = options.onStep ?? (() => {});
  const url = options.broker ?? (await startOwnBroker(cleanup, step));
  const place = uniquePlace(url);
  const removePlace = await preparePlace(place);
  // A local broker is removed as a whole.
  if (options.broker !== undefined) cleanup.add(removePlace);
  clock.done("broker");
  options.signal.throwIfAborted();

  const servers = await Promise.all(flowUrps.map((name) => serveProducts(join(directory, name))));
  for (const server of servers) cleanup.add(() => server.close());
  const tap = await openTap({
    broker: url,
    exchange: place.exchange,
    name: "warren-flow-tap",
    hosts: namesOf(servers),
    say: (line) => options.stream.write(`${line}\n`),
  });
  cleanup.add(() => tap.close());
  step(`starting ${flowUrps.length} announcers, a dispatcher and ${flowPds.length} pullers`);
  const urps = flowUrps.map((name, index) => ({
    name,
    rootDirectory: join(directory, name, "db"),
    baseUrl: servers[index]?.baseUrl ?? "",
  }));
  const pds = flowPds.map((name) => ({ name, receiverQueueDirectory: join(directory, name, "rxq") }));
  for (const { rootDirectory } of urps) await mkdir(rootDirectory, { recursive: true });
  for (const { receiverQueueDirectory } of pds) await mkdir(receiverQueueDirectory, { recursive: true });
  const passwordFile = join(directory, "broker-password");
  await writeFile(passwordFile, parseBrokerUrl(url).password, { mode: 0o600 });

  const specs = agentSpecs({ place, passwordFile, urps, pds });
  const agents = new Map(specs.map((spec) => [spec.name, new AgentProcess(spec, join(directory, "agents"))]));
  const stopAgents = async (): Promise<void> => {
    await Promise.all([...agents.values()].map((agent) => agent.stop()));
  };
  cleanup.add(stopAgents);
  await untilAborted(options.signal, Promise.all([...agents.values()].map((agent) => agent.start())));
  clock.done("agents");
  if (options.page) {
    const page = await serveFlowPage({ agents, servers: urps, pullers: flowPds, queues: place });
    cleanup.add(page.close);
    step(`live page: ${page.url}`);
  }
  return {
    roots: Object.fromEntries(urps.map(({ name, rootDirectory }) => [name, rootDirectory])),
    folders: pds.map(({ name, receiverQueueDirectory }) => ({ pds: name, directory: receiverQueueDirectory })),
    tap,
    agents,
    servers: new Map(flowUrps.flatMap((name, index) => (servers[index] ? [[name, servers[index]]] : []))),
    stopAgents,
  };
}

async function startOwnBroker(cleanup: Cleanup, step: (text: string) => void): Promise<string> {
  step("starting a broker");
  const broker = await startLocalBroker({ onProgress: step });
  cleanup.add(() => broker.stop());
  return broker.url;
}

/** Runs `work` until an agent can't be kept running. Then aborts it, and rejects with the agent's failure. */
async function whileAgentsRun<T>(
  stage: Stage,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const failed = new AbortController();
  const working = work(AbortSignal.any([signal, failed.signal]));
  try {
    return await Promise.race([working, ...[...stage.agents.values()].map((agent) => agent.failed)]);
  } catch (error) {
    failed.abort();
    await working.catch(() => {});
    throw error;
  }
}

/** Names of the product servers' URLs in the counts. */
function namesOf(servers: readonly ProductServer[]): ReadonlyMap<string, string> {
  return new Map(flowUrps.map((name, index) => [new URL(servers[index]?.baseUrl ?? "").origin, name]));
}

async function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  return Promise.race([work, aborted.promise]).finally(() => signal.removeEventListener("abort", onAbort));
}

/** Measures consecutive phases, in seconds. */
function phaseClock() {
  const seconds: Record<string, number> = {};
  let sinceMs = performance.now();
  return {
    seconds,
    done(phase: string): void {
      const nowMs = performance.now();
      seconds[phase] = (nowMs - sinceMs) / 1000;
      sinceMs = nowMs;
    },
  };
}
