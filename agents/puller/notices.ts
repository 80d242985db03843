import { type BrokerSession, openBrokerSession } from "../lib/broker-session.ts";
import type { Log } from "../lib/log.ts";
import type { Config } from "./config.ts";

/**
 * What the puller publishes goes over a connection of its own. A broker in alarm stops reading from connections that publish:
 * over the one that consumes, the first receipt would hold up all acks, and pullers are to empty the queues just then.
 */
export function openNotices({ broker, exchange }: Config, log: Log): BrokerSession {
  const topology = { exchanges: [{ name: exchange, type: "topic" as const }], queues: [] };
  return openBrokerSession({ config: broker, log, name: "puller-notices", topology });
}
