import { readFile } from "node:fs/promises";
import type { Channel } from "amqplib";
import type * as z from "zod";
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
/** infra's defaults of a dispatcher's config, the same for all measurements. */
export const { exchange, inputQueue, pullQueue, inputTopic, dedupWindowSeconds, entriesMax, dispatcherPrefetch } =
  announcementsSchema.parse({ broker: "bench" });

export interface StageOptions {
  readonly queueType: QueueType;
  readonly signal: AbortSignal;
  readonly onStep: (text: string) => void;
}

/** A broker with declared queues, and a function that runs dispatchers on it. */
export interface Stage extends StageOptions {
  readonly broker: LocalBroker;
  /** Connections of the bench: for announcing and for reading. */
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

/** The real agent as a process. */
export interface RunningDispatcher {
  readonly pid: number;
  /** CPU time of its start, from its log line "ready": a measurement after that line would be late. */
  startSeconds(): Promise<number>;
  /** Reads a value from its log line "starting". */
  metricsPort(): Promise<number>;
  /** URL of Node's inspector, if requested. */
  inspectorUrl(): Promise<string>;
  /** Stops it by SIGTERM, drained. @throws UserError if it has died before */
  stop(): Promise<void>;
}

/** Creates the stage; `cleanup` removes it. */
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
  // The dispatcher declares its own queues with its arguments.
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
    // The last match: an earlier dispatcher of this name may have logged one too.
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
      if (agent.pid !== pid) throw new UserError(`dispatcher ${name}`, "died during the measurement");
      await agent.stop();
    },
  };
}
