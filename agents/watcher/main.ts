// watcher: sr3 "watch"; was dd-xml-inotify.py.
import { join } from "node:path";
import { type AgentContext, type RunningAgent, runAgent } from "../lib/agent-main.ts";
import { openBrokerSession } from "../lib/broker-session.ts";
import { ConfigError } from "../lib/errors.ts";
import { brokerHealth, waitingSeconds } from "../lib/health.ts";
import type { ExportEntry, Selection } from "../lib/journal-export.ts";
import { openSpool } from "../lib/spool.ts";
import { openSpooledPublisher } from "../lib/spooled-publisher.ts";
import { exportTreeJournal, TreeJournal } from "../lib/tree-journal.ts";
import { type Config, configSchema } from "./config.ts";
import { formatOf } from "./messages.ts";
import { spoolAll } from "./spool-all.ts";
import { openTelemetry } from "./telemetry.ts";
import { Trees } from "./trees.ts";
import { Watcher } from "./watcher.ts";

async function start({ config, log, metrics, lifeCycle, stateDirectory }: AgentContext<Config>): Promise<RunningAgent> {
  const trees = new Trees({ config, stateDirectory });
  const journal = new TreeJournal({
    file: journalFile(stateDirectory),
    keepSeconds: Number.POSITIVE_INFINITY,
    now: Date.now,
    log,
  });
  await journal.open();
  const spool = await openSpool({ directory: join(stateDirectory, "spool"), bytesMax: config.spoolBytesMax, log });
  const topology = { exchanges: [{ name: config.exchange, type: "topic" as const }], queues: [] };
  const session = openBrokerSession({ config: config.broker, log, name: "watcher", topology });
  const telemetry = openTelemetry(log, metrics, {
    spooled: () => spool.count,
    waiting: () => watcher.waiting,
    journaled: () => journal.size,
    formatOf: (routingKey) => formatOf(routingKey, config),
  });
  const publisher = openSpooledPublisher({
    session,
    spool,
    log,
    onConfirmed: ({ routingKey }, waitedMs) => telemetry.confirmed(routingKey, waitedMs),
    onFailed: (_, outcome) => telemetry.refused(outcome),
    ...(config.unclaimed === "count" ? { onUnclaimed: ({ routingKey }) => telemetry.unclaimed(routingKey) } : {}),
  });
  const watcher: Watcher = new Watcher(config, {
    look: (path) => trees.look(path),
    digest: (path, facts) => trees.digest(path, facts),
    scan: (folder, rules) => trees.scan(folder, rules),
    publish: (messages) =>
      spoolAll(messages, { exchange: config.exchange, publisher, spool, bytesMax: config.spoolBytesMax }),
    journal,
    now: Date.now,
    events: telemetry,
  });
  watcher.begin();
  await trees
    .start((tree) => watcher.handlersOf(tree))
    .catch(async (error) => {
      trees.stop();
      await publisher.stop();
      await session.close();
      throw error;
    });
  // Ready even without a broker: from here on no change is missed, and the spool keeps the announcements.
  lifeCycle.ready();
  return {
    status: () => ({
      ok: trees.watching && session.state === "ready" && publisher.unroutable === 0,
      text: `${telemetry.announcedCount} announced, ${spool.count} messages waiting; ${telemetry.watchProblem ?? session.description}`,
      ...brokerHealth(session.state),
      fault: telemetry.watchProblem,
      done: telemetry.announcedCount,
      spooled: spool.count,
      oldestWaitingSeconds: waitingSeconds(spool.oldestMs, Date.now()),
      rejections: telemetry.rejections,
    }),
    async stop(deadline) {
      trees.stop();
      await watcher.stop(deadline);
      if (session.state === "ready") await publisher.drained(deadline);
      await publisher.stop();
      await session.close();
      await spool.close();
      await journal.close();
    },
  };
}

const journalFile = (stateDirectory: string): string => join(stateDirectory, "announced.journal");

function exportJournal(_: Config, stateDirectory: string, { key }: Selection): AsyncIterable<ExportEntry> {
  if (key === undefined) return exportTreeJournal(journalFile(stateDirectory));
  const message = "the watcher's journal has paths, not keys";
  throw new ConfigError("watcher", [{ path: "--key", message }], "omit --key and search the output for the path");
}

const program = { name: "watcher", configSchema, start, exportJournal };
export const main = (argv: readonly string[]) => runAgent(program, argv);
if (import.meta.main) process.exit(await main(process.argv.slice(2)));
