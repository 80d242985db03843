import { type BrokerSession, openBrokerSession } from "../lib/broker-session.ts";
import type { Log } from "../lib/log.ts";
import type { Config } from "./config.ts";

/**
 * The puller publishes over a separate connection. During an alarm a broker stops reading from connections that publish. On the
 * consuming connection, the first receipt would hold up all acks, just when pullers have to empty the queues.
 */
export function openNotices({ broker, exchange }: Config, log: Log): BrokerSession {
  const topology = { exchanges: [{ name: exchange, type: "topic" as const }], queues: [] };
  return openBrokerSession({ config: broker, log, name: "puller-notices", topology });
}
