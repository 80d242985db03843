import { brokerConfig } from "../../agents/lib/config.ts";
import type { StackConfig } from "../config/index.ts";
import type { Rule } from "./rule.ts";

/** Debian's rabbitmq-server.service: `RestartSec=10`, `TimeoutStartSec=600`. A node that waits for another node's tables starts no later. */
const brokerStartSeconds = 10 + 600;
/** keepalived.conf: the check runs every second with a timeout of two seconds, and fails after two failures. */
const checkFailsSeconds = 2 * (1 + 2);
/** RFC 5798, 6.1: three adverts and a skew of less than one interval. */
const advertsMissed = 4;
/** agents/lib/config.ts: a connection counts as lost after two missed heartbeats. */
const heartbeatsMissed = 2;

export const shortDedupWindow: Rule = {
  name: "short-dedup-window",
  severity: "warning",
  firesOn: "a deduplication window shorter than the longest fail-over",
  reason:
    "While the brokers are down, all announcements wait, twins included. If the first announcement of a product was dispatched before the outage and its name is forgotten before the twin arrives, the product is published twice.",
  remedy: "lengthen `dedupWindowSeconds`; the default is 7200",
  source: 'the requirement, "BUNNY-OP and dd_dispatcher.py"; Debian\'s rabbitmq-server.service; RFC 5798, 6.1',
  find: (_, config) => {
    const { dedupWindowSeconds } = config.announcements;
    const worst = worstFailOverSeconds(config);
    if (dedupWindowSeconds >= worst) return [];
    return [
      {
        path: "warren:announcements.dedupWindowSeconds",
        message: `names are remembered for ${dedupWindowSeconds} s, but a fail-over may take ${worst} s`,
      },
    ];
  },
};

/**
 * All brokers fail at once, systemd restarts them, a host claims the address, and agents notice after their longest reconnect delay.
 * These are documented bounds, not measured times: a usual fail-over takes seconds.
 */
function worstFailOverSeconds(config: StackConfig): number {
  const agent = (key: "heartbeatSeconds" | "connectTimeoutMs" | "reconnectDelayMaxMs") =>
    brokerConfig.shape[key].parse(undefined);
  const noticed = heartbeatsMissed * agent("heartbeatSeconds");
  const reconnected = (agent("connectTimeoutMs") + agent("reconnectDelayMaxMs")) / 1000;
  const broker = config.brokers[config.announcements.broker];
  const vip = broker?.virtualIp === undefined ? undefined : config.virtualIps[broker.virtualIp];
  const moved = vip ? checkFailsSeconds + advertsMissed * vip.advertSeconds + vip.preemptDelaySeconds : 0;
  return Math.ceil(noticed + brokerStartSeconds + moved + reconnected);
}
