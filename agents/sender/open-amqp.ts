import type { AgentContext } from "../lib/agent-main.ts";
import { openBrokerSession } from "../lib/broker-session.ts";
import { brokerHealth } from "../lib/health.ts";
import { bad } from "../lib/result.ts";
import type { Topology } from "../lib/topology.ts";
import { AmqpDestination, type AmqpDestinationEvents } from "./amqp-destination.ts";
import type { AmqpConfig } from "./config.ts";
import type { OpenDestination, OpeningPorts } from "./opened.ts";
import { productFacts } from "./read-file.ts";

/** A broker as a destination. */
export function openAmqp(
  config: AmqpConfig,
  { log }: Pick<AgentContext<AmqpConfig>, "log">,
  { duplicates, now, events }: OpeningPorts & { readonly events: AmqpDestinationEvents },
): OpenDestination {
  const session = openBrokerSession({ config: config.broker, log, name: "sender", topology: topologyOf(config) });
  const { productRootDirectory } = config;
  const destination = new AmqpDestination({
    config,
    session,
    duplicates,
    productFacts: async (relPath) =>
      productRootDirectory === undefined
        ? bad("productRootDirectory is not set")
        : productFacts(productRootDirectory, relPath),
    now,
    events,
  });
  return {
    destination,
    state: () => ({ ok: session.state === "ready", text: session.description, ...brokerHealth(session.state) }),
    close: () => session.close(),
  };
}

/** Clients bring their own queues. */
function topologyOf({ exchange, exchangeType, declareExchange, alsoFormats }: AmqpConfig): Topology {
  if (!declareExchange) return { exchanges: [], queues: [] };
  const others = new Set(alsoFormats.flatMap((also) => also.exchange ?? []).filter((name) => name !== exchange));
  const topics = [...others].map((name) => ({ name, type: "topic" as const }));
  return { exchanges: [{ name: exchange, type: exchangeType }, ...topics], queues: [] };
}
