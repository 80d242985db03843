// receiver: sr3 "subscribe" of messages that are products; was pxReceiver of type amqp.
import { join } from "node:path";
import { type AgentContext, type RunningAgent, runAgent } from "../lib/agent-main.ts";
import { AsideFolder } from "../lib/aside-folder.ts";
import { type BrokerSession, openBrokerSession } from "../lib/broker-session.ts";
import { consume } from "../lib/consumer.ts";
import { brokerHealth } from "../lib/health.ts";
import type { Log } from "../lib/log.ts";
import { PlacedLog } from "../lib/placed-log.ts";
import { ReceiverQueue } from "../lib/receiver-queue.ts";
import { deadLetterTopology, type Topology } from "../lib/topology.ts";
import { type Config, configSchema } from "./config.ts";
import { Receiver } from "./receiver.ts";
import { openTelemetry } from "./telemetry.ts";

async function start({ config, log, metrics, lifeCycle, stateDirectory }: AgentContext<Config>): Promise<RunningAgent> {
  const { receiverQueueDirectory, queue, prefetch } = config;
  const receiverQueue = new ReceiverQueue(receiverQueueDirectory, Number.parseInt(config.fileMode, 8), "receive");
  const removedCount = await receiverQueue.prepare();
  if (removedCount > 0)
    log.info({ removedCount }, "removed unfinished files of an earlier run; their messages will be redelivered");
  const aside = config.asideDirectory === undefined ? undefined : new AsideFolder(config.asideDirectory);
  await aside?.prepare(receiverQueueDirectory);
  const placedLog = new PlacedLog(join(stateDirectory, "placed"), config.placedRemembered, log);
  await placedLog.load();
  const telemetry = openTelemetry(log, metrics);
  const receiver = new Receiver(config, { receiverQueue, aside, placedLog, events: telemetry });
  const session = openBrokerSession({ config: config.broker, log, name: "receiver", topology: topologyOf(config) });
  const deadLetters = aside ? undefined : openDeadLetters(config, log);
  const consumer = consume({
    ...{ session, queue, prefetch, log, agent: "receiver", ...(deadLetters && { deadLetterSession: deadLetters }) },
    handle: (delivery) => receiver.handle(delivery),
  });
  session.once("ready", () => lifeCycle.ready());
  return {
    status: () => ({
      ok: session.state === "ready" && receiver.localFault === undefined,
      text: `${telemetry.counts.placedCount} received, ${telemetry.counts.unfitCount} that can't become files; ${receiver.localFault?.message ?? session.description}`,
      ...brokerHealth(session.state),
      fault: receiver.localFault?.message,
      done: telemetry.counts.placedCount,
      setAside: telemetry.counts.unfitCount,
      inHand: consumer.inFlight,
    }),
    async stop() {
      receiver.stop();
      await consumer.cancel();
      await session.close();
      await deadLetters?.close();
      await placedLog.close();
    },
  };
}

/** An alarm blocks connections that publish: a dead letter on the consuming connection would block all acks. */
function openDeadLetters({ broker }: Config, log: Log): BrokerSession {
  return openBrokerSession({ config: broker, log, name: "receiver-dead-letters", topology: deadLetterTopology });
}

function topologyOf({ exchange, exchangeType, declareExchange, queue, bindingKeys }: Config): Topology {
  return {
    exchanges: declareExchange ? [{ name: exchange, type: exchangeType }] : [],
    queues: [{ name: queue, bindings: bindingKeys.map((pattern) => ({ exchange, pattern })) }],
  };
}

export const main = (argv: readonly string[]) => runAgent({ name: "receiver", configSchema, start }, argv);
if (import.meta.main) process.exit(await main(process.argv.slice(2)));
