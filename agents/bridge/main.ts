// bridge: sr3 "shovel" that translates, so that clients of every format are notified of products.
import { type AgentContext, type RunningAgent, runAgent } from "../lib/agent-main.ts";
import { openBrokerSession } from "../lib/broker-session.ts";
import { consume } from "../lib/consumer.ts";
import { deadLetterTopology, type Topology } from "../lib/topology.ts";
import { Bridge } from "./bridge.ts";
import { type Config, configSchema } from "./config.ts";
import { openGlobalBrokers, openIntake } from "./open-wis.ts";
import { statusOf } from "./status.ts";
import { openTelemetry } from "./telemetry.ts";

async function start({ config, log, metrics, lifeCycle, stateDirectory }: AgentContext<Config>): Promise<RunningAgent> {
  const { queue, prefetch, from, broker, toBroker = broker } = config;
  const telemetry = openTelemetry(log, metrics, from.format === "wis" ? from.fetch?.reportBy : undefined);
  const incoming = openBrokerSession({ config: broker, log, name: "bridge", topology: incomingTopology(config) });
  // Dead letters stay on the broker that they came from. They have their own connection: an alarm blocks a connection that publishes,
  // and would block the acks too.
  const deadLetters = openBrokerSession({
    config: broker,
    log,
    name: "bridge-dead-letters",
    topology: deadLetterTopology,
  });
  const outgoing = openBrokerSession({ config: toBroker, log, name: "bridge-out", topology: outgoingTopology(config) });
  const products = await openIntake(config, stateDirectory, telemetry, log);
  const intake = products ? { intake: products.intake } : {};
  const bridge = new Bridge(config, { session: outgoing, events: telemetry, ...intake, nowMs: Date.now });
  const consumer = consume({
    ...{ session: incoming, queue, prefetch, log, agent: "bridge", deadLetterSession: deadLetters },
    handle: (delivery) => bridge.handle(delivery),
  });
  const globalBrokers = openGlobalBrokers(config, { session: deadLetters, events: telemetry, log });
  void Promise.all([incoming.ready(), outgoing.ready()]).then(
    () => lifeCycle.ready(),
    () => {},
  );
  return {
    status: () =>
      statusOf({ counts: telemetry.counts, incoming, outgoing, consumer, globalBrokers, intake: products?.intake }),
    async stop() {
      bridge.stop();
      await globalBrokers?.close();
      await consumer.cancel();
      for (const session of [incoming, deadLetters, outgoing]) await session.close();
      await products?.close();
    },
  };
}

const topicExchange = (name: string) => ({ name, type: "topic" as const });

function incomingTopology({ declareExchanges, from, queue }: Config): Topology {
  return {
    exchanges: declareExchanges ? [topicExchange(from.exchange)] : [],
    queues: [{ name: queue, bindings: [{ exchange: from.exchange, pattern: `${from.topicPrefix}.#` }] }],
  };
}

function outgoingTopology({ declareExchanges, to }: Config): Topology {
  const names = [...new Set(to.map(({ exchange }) => exchange))];
  return { exchanges: declareExchanges ? names.map(topicExchange) : [], queues: [] };
}

export const main = (argv: readonly string[]) => runAgent({ name: "bridge", configSchema, start }, argv);
if (import.meta.main) process.exit(await main(process.argv.slice(2)));
