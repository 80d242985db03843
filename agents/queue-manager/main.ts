// queue manager: no counterpart in sr3; was queue_manager.py.
import { join } from "node:path";
import { type AgentContext, type RunningAgent, runAgent } from "../lib/agent-main.ts";
import { Audit } from "./audit.ts";
import { type Config, configSchema } from "./config.ts";
import { ManagementApi } from "./management-api.ts";
import { QueueManager } from "./queue-manager.ts";
import { openTelemetry } from "./telemetry.ts";
import { WatchedFile } from "./watched-file.ts";

async function start({ config, log, metrics, lifeCycle, stateDirectory }: AgentContext<Config>): Promise<RunningAgent> {
  const stopping = new AbortController();
  // Steps of a dry run must not count for a real run: each mode remembers its queues in its own file.
  const file = new WatchedFile(join(stateDirectory, config.dryRun ? "watched-dry-run.json" : "watched.json"));
  const audit = new Audit(join(stateDirectory, "audit.jsonl"), config.auditBytesMax, log);
  const watched = await file.load();
  await audit.open();
  const telemetry = openTelemetry(log, metrics);
  const { management, queuesMax } = config;
  const api = new ManagementApi({ management, queuesMax, signal: stopping.signal });
  const manager = new QueueManager(
    config,
    {
      api,
      audit: (line) => audit.write(line),
      save: (next) => file.save(next),
      now: Date.now,
      events: telemetry,
    },
    watched,
  );
  if (config.dryRun) log.warn("dry run: nothing is unbound or deleted (set dryRun to false to do it)");
  const running = manager.run(stopping.signal).catch((error: Error) => lifeCycle.fail(error));
  lifeCycle.ready();
  return {
    status: () => ({
      ok: telemetry.queuesCount !== undefined && telemetry.fault === undefined,
      text: `${config.dryRun ? "dry run; " : ""}${telemetry.queuesCount ?? "no"} queues, ${telemetry.watched.size} of them unused and over their limits, ${audit.removals.length} recently deleted${telemetry.fault === undefined ? "" : `; ${telemetry.fault}`}`,
      fault: telemetry.fault,
      queues: telemetry.queuesCount,
      watched: [...telemetry.watched.values()].map(({ vhost, name, stage, unusedMs }) => {
        return { vhost, queue: name, stage, unusedSeconds: Math.round(unusedMs / 1000) };
      }),
      removed: audit.removals,
    }),
    async stop() {
      stopping.abort();
      await running;
      await api.close();
      await audit.close();
    },
  };
}

export const main = (argv: readonly string[]) => runAgent({ name: "queue-manager", configSchema, start }, argv);
if (import.meta.main) process.exit(await main(process.argv.slice(2)));
