// announcer: sr3 "watch" and "post"; was amqp_expose_db.
import { realpathSync } from "node:fs";
import { join } from "node:path";
import { type AgentContext, type RunningAgent, runAgent } from "../lib/agent-main.ts";
import { openBrokerSession } from "../lib/broker-session.ts";
import { brokerHealth, waitingSeconds } from "../lib/health.ts";
import { scan } from "../lib/scan.ts";
import { SideNotices } from "../lib/side-notices.ts";
import { openSpool } from "../lib/spool.ts";
import { openSpooledPublisher } from "../lib/spooled-publisher.ts";
import { findRoot, inspectInside } from "../lib/tree.ts";
import { TreeJournal } from "../lib/tree-journal.ts";
import { TreeWatch } from "../lib/tree-watch.ts";
import { Announcer } from "./announcer.ts";
import { type Config, configSchema } from "./config.ts";
import { openCopies } from "./copies.ts";
import { exportAnnounced } from "./product.ts";
import { openReannouncer } from "./reannouncer.ts";
import { openTelemetry } from "./telemetry.ts";

async function start({ config, log, metrics, lifeCycle, stateDirectory }: AgentContext<Config>): Promise<RunningAgent> {
  const root = findRoot(config.rootDirectory, stateDirectory);
  const journal = new TreeJournal({
    file: journalFile(stateDirectory),
    keepSeconds: config.rescanWindowSeconds,
    now: Date.now,
    log,
  });
  await journal.open();
  const spool = await openSpool({ directory: join(stateDirectory, "spool"), bytesMax: config.spoolBytesMax, log });
  const topology = { exchanges: [{ name: config.exchange, type: "topic" as const }], queues: [] };
  const session = openBrokerSession({ config: config.broker, log, name: "announcer", topology });
  const telemetry = openTelemetry(log, metrics, {
    spooled: () => spool.count,
    waiting: () => announcer.waiting,
    journaled: () => journal.size,
  });
  const reannouncer = openReannouncer(config, session, telemetry);
  const { exchange, announcedTopic: topic } = config;
  const copies =
    topic === undefined
      ? undefined
      : openCopies(new SideNotices({ session, exchange, topic, onOutcome: telemetry.copied }));
  const publisher = openSpooledPublisher({
    session,
    spool,
    log,
    onConfirmed(message, waitedMs) {
      telemetry.confirmed(waitedMs);
      reannouncer?.confirmed(message);
      copies?.add(message);
    },
    onFailed: (_, outcome) => telemetry.refused(outcome),
  });
  const announcer: Announcer = new Announcer(config, {
    look: (path) => inspectInside(root, path),
    scan: (folder, rules) => scan(root, folder, rules),
    publish: ({ routingKey, message }) => publisher.publish({ exchange: config.exchange, routingKey, ...message }),
    covers: (folders) => watch.covers(folders),
    journal,
    now: Date.now,
    events: telemetry,
  });
  const barrierFolder = join(realpathSync(stateDirectory), "barrier");
  const watch = new TreeWatch({ root, barrierFolder, command: config.inotifywaitCommand, handlers: announcer });
  await watch.start().catch(async (error) => {
    watch.stop();
    await publisher.stop();
    await session.close();
    throw error;
  });
  // Ready even without a broker: from here on no arrival is missed, and the spool keeps the announcements.
  lifeCycle.ready();
  return {
    status: () => ({
      ok: watch.watching && session.state === "ready" && publisher.unroutable === 0,
      text: `${telemetry.announcedCount} announced, ${spool.count} waiting; ${telemetry.watchProblem ?? session.description}`,
      ...brokerHealth(session.state),
      fault: telemetry.watchProblem,
      done: telemetry.announcedCount,
      spooled: spool.count,
      oldestWaitingSeconds: waitingSeconds(spool.oldestMs, Date.now()),
      rejections: telemetry.rejections,
    }),
    async stop(deadline) {
      watch.stop();
      reannouncer?.stop();
      await announcer.stop(deadline);
      if (session.state === "ready") await publisher.drained(deadline);
      await publisher.stop();
      await copies?.drained(deadline);
      await session.close();
      await spool.close();
      await journal.close();
    },
  };
}

const journalFile = (stateDirectory: string): string => join(stateDirectory, "announced.journal");

const exportJournal = (_: Config, stateDirectory: string) => exportAnnounced(journalFile(stateDirectory));

const program = { name: "announcer", configSchema, start, exportJournal };
export const main = (argv: readonly string[]) => runAgent(program, argv);
if (import.meta.main) process.exit(await main(process.argv.slice(2)));
