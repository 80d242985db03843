// sender: sr3 "sender"; was pxSender of types amqp and single-file, and sftp_amqp.py.
import { join } from "node:path";
import { type AgentContext, type RunningAgent, runAgent } from "../lib/agent-main.ts";
import { AsideFolder } from "../lib/aside-folder.ts";
import { ConfigError, UserError } from "../lib/errors.ts";
import { waitingSeconds } from "../lib/health.ts";
import { type Config, configSchema } from "./config.ts";
import { Duplicates } from "./duplicates.ts";
import { openAmqp } from "./open-amqp.ts";
import { logInToServer, openDelivery } from "./open-delivery.ts";
import { scanQueue } from "./queue-folder.ts";
import { Sender } from "./sender.ts";
import { openTelemetry } from "./telemetry.ts";
import { Underway } from "./underway.ts";

async function start(context: AgentContext<Config>): Promise<RunningAgent> {
  const { config, log, metrics, lifeCycle, stateDirectory } = context;
  const { queueDirectory } = config;
  await scanQueue(queueDirectory, config, Date.now()).catch((error: Error) => {
    const remedy = `create the folder, owned by this agent's user: install -d -o USER ${queueDirectory}`;
    throw new UserError("queueDirectory", `can't be scanned: ${error.message}`, remedy, { cause: error });
  });
  const aside = new AsideFolder(config.asideDirectory ?? join(queueDirectory, ".aside"));
  await aside.prepare(queueDirectory);
  const underway = new Underway(join(stateDirectory, "underway"));
  await underway.load();
  const telemetry = openTelemetry(log, metrics, () => sender.waiting);
  const { duplicateSeconds, duplicatesMax: max, noDuplicates } = config;
  const duplicates = noDuplicates ? new Duplicates({ keepMs: duplicateSeconds * 1000, max, now: nowMs }) : undefined;
  const ports = { duplicates, now: nowMs, events: telemetry };
  const opened = await (config.type === "amqp"
    ? openAmqp(config, context, ports)
    : openDelivery(config, context, ports));
  const sender: Sender = new Sender(
    config,
    {
      destination: opened.destination,
      setAside: ({ path, name }, reason) => aside.move(path, { name, reason, from: path.toString() }),
      events: telemetry,
      now: nowMs,
    },
    underway,
  );
  const running = sender.run().catch((error: Error) => lifeCycle.fail(error));
  // Ready even without a broker or server: files wait in their folder.
  lifeCycle.ready();
  return {
    status: () => {
      const { deliveredCount: done, asideCount: setAside, rejectedCount: rejected, oldestMs } = telemetry.counts;
      const { fault, waiting } = sender;
      const { ok, text, ...connection } = opened.state();
      return {
        ok: ok && fault === undefined,
        text: `${done} delivered, ${waiting} waiting, ${setAside} set aside; ${fault ?? text}`,
        ...connection,
        ...{ fault, done, waiting, setAside, rejected },
        oldestWaitingSeconds: waiting > 0 ? waitingSeconds(oldestMs, Date.now()) : undefined,
      };
    },
    async stop(deadline) {
      sender.stop();
      // Closing the connection makes unconfirmed files "lost": they stay in the folder.
      deadline.addEventListener("abort", () => void opened.close(), { once: true });
      await running;
      await opened.close();
    },
  };
}

function nowMs(): number {
  return performance.now();
}

function logIn(config: Config): Promise<string> {
  if (config.type !== "amqp") return logInToServer(config);
  throw new ConfigError(
    "sender",
    [{ path: "type", message: "type amqp doesn't deliver to a server" }],
    "omit --log-in",
  );
}

export const main = (argv: readonly string[]) => runAgent({ name: "sender", configSchema, start, logIn }, argv);
if (import.meta.main) process.exit(await main(process.argv.slice(2)));
