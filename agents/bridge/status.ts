import type { BrokerSession } from "../lib/broker-session.ts";
import type { Consumer } from "../lib/consumer.ts";
import { type AgentHealth, brokerHealth } from "../lib/health.ts";
import type { GlobalBrokers } from "./global-brokers.ts";
import type { Intake } from "./intake.ts";
import type { Telemetry } from "./telemetry.ts";

interface Parts {
  readonly counts: Telemetry["counts"];
  readonly incoming: BrokerSession;
  readonly outgoing: BrokerSession;
  readonly consumer: Pick<Consumer, "inFlight">;
  readonly globalBrokers: Pick<GlobalBrokers, "connected"> | undefined;
  readonly intake: Pick<Intake, "fault"> | undefined;
}

/** One of several Global Brokers is enough: all of them have each notification. */
export function statusOf({ counts, incoming, outgoing, consumer, globalBrokers, intake }: Parts): AgentHealth {
  const notReady = [incoming, outgoing].find(({ state }) => state !== "ready");
  const connected = globalBrokers?.connected ?? new Map<string, boolean>();
  const away = [...connected].flatMap(([url, isConnected]) => (isConnected ? [] : [url]));
  const isCutOff = away.length > 0 && away.length === connected.size;
  const fault = intake?.fault?.message;
  const what = [
    `${counts.bridgedCount} bridged`,
    (notReady ?? incoming).description,
    ...(fault === undefined ? [] : [fault]),
    ...(away.length > 0 ? [`no connection to ${away.join(", ")}`] : []),
  ];
  return {
    ok: notReady === undefined && fault === undefined && !isCutOff,
    text: what.join("; "),
    ...brokerHealth(incoming.state, outgoing.state),
    ...(fault === undefined ? {} : { fault }),
    done: counts.bridgedCount,
    inHand: consumer.inFlight,
  };
}
