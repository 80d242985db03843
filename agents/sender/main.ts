// sender: sr3 "sender"; was pxSender of type amqp.
import { join } from "node:path";
import { type AgentContext, type RunningAgent, runAgent } from "../lib/agent-main.ts";
import { AsideFolder } from "../lib/aside-folder.ts";
import { openBrokerSession } from "../lib/broker-session.ts";
import { UserError } from "../lib/errors.ts";
import { bad } from "../lib/result.ts";
import type { Topology } from "../lib/topology.ts";
import { AmqpDestination } from "./amqp-destination.ts";
import { type AmqpConfig, type Config, configSchema } from "./config.ts";
import { Duplicates } from "./duplicates.ts";
import { lookThrough } from "./queue-folder.ts";
import { productFacts } from "./read-file.ts";
import { Sender } from "./sender.ts";
import { openTelemetry } from "./telemetry.ts";
import { Underway } from "./underway.ts";

async function start({ config, log, metrics, lifeCycle, stateDirectory }: AgentContext<Config>): Promise<RunningAgent> {
  if (config.type !== "amqp") throw new UserError("type", `${config.type} is not there yet`, "type amqp is");
  const { queueDirectory, productRootDirectory } = config;
  await lookThrough(queueDirectory, config, Date.now()).catch((error: Error) => {
    const remedy = `make the folder, owned by the user who runs this agent: install -d -o USER ${queueDirectory}`;
    throw new UserError("queueDirectory", `can't be looked through: ${error.message}`, remedy, { cause: error });
  });
  const aside = new AsideFolder(config.asideDirectory ?? join(queueDirectory, ".aside"));
  await aside.prepare(queueDirectory);
  const underway = new Underway(join(stateDirectory, "underway"));
  await underway.load();
  const telemetry = openTelemetry(log, metrics, () => sender.waiting);
  const session = openBrokerSession({ config: config.broker, log, name: "sender", topology: topologyOf(config) });
  const { duplicateSeconds, duplicatesMax: max, noDuplicates } = config;
  const destination = new AmqpDestination({
    config,
    session,
    duplicates: noDuplicates ? new Duplicates({ keepMs: duplicateSeconds * 1000, max, now: nowMs }) : undefined,
    productFacts: async (relPath) =>
      productRootDirectory === undefined
        ? bad("no folder of products is given")
        : productFacts(productRootDirectory, relPath),
    now: nowMs,
    events: telemetry,
  });
  const sender: Sender = new Sender(
    config,
    {
      destination,
      setAside: ({ path, name }, reason) => aside.move(path, { name, reason, from: path.toString() }),
      events: telemetry,
      now: nowMs,
    },
    underway,
  );
  const running = sender.run().catch((error: Error) => lifeCycle.fail(error));
  // Ready without a broker too: from here on files wait in their folder.
  lifeCycle.ready();
  return {
    status: () => ({
      ok: session.state === "ready" && sender.fault === undefined,
      text: `${telemetry.counts.deliveredCount} delivered, ${sender.waiting} waiting, ${telemetry.counts.asideCount} put aside; ${sender.fault ?? session.description}`,
      rejected: telemetry.counts.rejectedCount,
    }),
    async stop(deadline) {
      sender.stop();
      // What is not confirmed by then becomes "lost" as the session closes, and stays in the folder.
      deadline.addEventListener("abort", () => void session.close(), { once: true });
      await running;
      await session.close();
    },
  };
}

/** Clients bring their own queues. */
function topologyOf({ exchange, exchangeType, declareExchange, alsoFormats }: AmqpConfig): Topology {
  if (!declareExchange) return { exchanges: [], queues: [] };
  const others = new Set(alsoFormats.flatMap((also) => also.exchange ?? []).filter((name) => name !== exchange));
  const topics = [...others].map((name) => ({ name, type: "topic" as const }));
  return { exchanges: [{ name: exchange, type: exchangeType }, ...topics], queues: [] };
}

function nowMs(): number {
  return performance.now();
}

export const main = (argv: readonly string[]) => runAgent({ name: "sender", configSchema, start }, argv);
if (import.meta.main) process.exit(await main(process.argv.slice(2)));
