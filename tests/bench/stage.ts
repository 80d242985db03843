import { readFile } from "node:fs/promises";
import type { Channel } from "amqplib";
import type { z } from "zod";
import type { configSchema } from "../../agents/dispatcher/config.ts";
import type { BrokerSession } from "../../agents/lib/broker-session.ts";
import type { QueueType } from "../../agents/lib/config.ts";
import { UserError } from "../../agents/lib/errors.ts";
import { announcementsSchema } from "../../infra/config/announcements.ts";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { AgentProcess } from "../rigs/agent-process.ts";
import type { Cleanup } from "../rigs/cleanup.ts";
import { openBenchPlace } from "./place.ts";

export const targetQueue = "bench.target";
/** The defaults that infra writes into a dispatcher's config: one setting for everything that is measured. */
export const { exchange, inputQueue, pullQueue, inputTopic, dedupWindowSeconds, entriesMax, dispatcherPrefetch } =
  announcementsSchema.parse({ broker: "bench" });

export interface StageOptions {
  readonly queueType: QueueType;
  readonly signal: AbortSignal;
  readonly onStep: (text: string) => void;
}

/** A broker of its own, its declared queues, and a way to run dispatchers on it. */
export interface Stage extends StageOptions {
  readonly broker: LocalBroker;
  /** Connections of the bench: one that announces, one that reads. */
  readonly announcing: BrokerSession;
  readonly reading: BrokerSession;
  readonly admin: Channel;
  startDispatcher(name: string, options?: DispatcherOptions): Promise<RunningDispatcher>;
}

export interface DispatcherOptions {
  /** Fills the state folder before the dispatcher starts. */
  readonly prepare?: (stateDirectory: string) => Promise<void>;
  /** For `RunningDispatcher.inspectorUrl`. */
  readonly inspected?: boolean;
}

/** The real agent, as a process of its own. */
export interface RunningDispatcher {
  readonly pid: number;
  /** Of processor, that its start took, as its log line "ready" says: whoever looks when that has come may look late. */
  startSeconds(): Promise<number>;
  /** Reads what its log line "starting" says of it. */
  metricsPort(): Promise<number>;
  /** Of Node's inspector, where it was asked for. */
  inspectorUrl(): Promise<string>;
  /** SIGTERM, drained. @throws UserError where it died before. */
  stop(): Promise<void>;
}

/** Makes it; `cleanup` takes everything away again. */
export async function setStage(options: StageOptions, cleanup: Cleanup): Promise<Stage> {
  const place = await openBenchPlace({ ...options, plugins: ["rabbitmq_shovel"] }, cleanup);
  const { directory, broker, brokerSettings, admin } = place;
  const topology = {
    exchanges: [{ name: exchange, type: "topic" as const }],
    queues: [{ name: targetQueue, bindings: [] }],
  };
  const stage: Stage = {
    ...options,
    broker,
    announcing: place.open("bench-announcing", topology),
    reading: place.open("bench-reading", topology),
    admin,
    startDispatcher: (name, own = {}) => startDispatcher(name, own, { directory, brokerSettings, cleanup }),
  };
  await Promise.all([stage.announcing.ready(options.signal), stage.reading.ready(options.signal)]);
  // It declares its queues itself, with the arguments that it wants.
  await (await stage.startDispatcher("declaring")).stop();
  return stage;
}

interface DispatcherPlace {
  readonly directory: string;
  readonly brokerSettings: z.input<typeof configSchema>["broker"];
  readonly cleanup: Cleanup;
}

async function startDispatcher(
  name: string,
  { prepare, inspected }: DispatcherOptions,
  { directory, brokerSettings, cleanup }: DispatcherPlace,
): Promise<RunningDispatcher> {
  const config: z.input<typeof configSchema> = {
    broker: brokerSettings,
    metrics: { port: 0 },
    entriesMax,
    dedupWindowSeconds,
    prefetch: dispatcherPrefetch,
  };
  const nodeOptions = inspected ? ["--inspect=127.0.0.1:0"] : [];
  const agent = new AgentProcess({ name, agent: "dispatcher", config, nodeOptions }, directory);
  cleanup.add(() => agent.stop());
  await prepare?.(agent.stateDirectory);
  await agent.start();
  const { pid } = agent;
  if (pid === undefined) throw new Error("the dispatcher has no process");
  const find = async (expression: RegExp): Promise<string> => {
    // The last one: a dispatcher of this name may have been there before.
    const found = [...(await readFile(agent.logFile, "utf8")).matchAll(expression)].at(-1)?.[1];
    if (found === undefined) throw new Error(`the dispatcher's log has no ${expression}`);
    return found;
  };
  return {
    pid,
    startSeconds: async () => Number(await find(/"cpuMs":([\d.]+)/g)) / 1000,
    metricsPort: async () => Number(await find(/"metricsPort":(\d+)/g)),
    inspectorUrl: () => find(/Debugger listening on (ws:\S+)/g),
    stop: async () => {
      if (agent.pid !== pid) throw new UserError(`dispatcher ${name}`, "died while it was measured");
      await agent.stop();
    },
  };
}
