import { brokerConfig } from "../../agents/lib/config.ts";
import type { StackConfig } from "../config/index.ts";
import type { Rule } from "./rule.ts";

/** Debian's rabbitmq-server.service: `RestartSec=10`, `TimeoutStartSec=600`. A node that waits for another one's tables starts no later. */
const brokerStartSeconds = 10 + 600;
/** keepalived.conf: the check runs every second, waits two seconds for its answer, and two failures count. */
const checkFailsSeconds = 2 * (1 + 2);
/** RFC 5798, 6.1: three adverts and a skew of less than one. */
const advertsMissed = 4;
/** agents/lib/config.ts: two missed heartbeats and a connection counts as lost. */
const heartbeatsMissed = 2;

export const shortDedupWindow: Rule = {
  name: "short-dedup-window",
  severity: "warning",
  firesOn: "a dedup window shorter than the longest fail-over",
  reason:
    "Twins are held back together with everything else while the brokers are away. If the first one was dispatched before and its name is forgotten when the other one comes, the product goes out twice.",
  remedy: "lengthen `dedupWindowSeconds`; the default is 7200",
  source: 'the requirement, "BUNNY-OP and dd_dispatcher.py"; Debian\'s rabbitmq-server.service; RFC 5798, 6.1',
  find: (_, config) => {
    const { dedupWindowSeconds } = config.announcements;
    const worst = worstFailOverSeconds(config);
    if (dedupWindowSeconds >= worst) return [];
    return [
      {
        path: "warren:announcements.dedupWindowSeconds",
        message: `names are remembered for ${dedupWindowSeconds} s, a fail-over may take ${worst} s`,
      },
    ];
  },
};

/**
 * Every broker down at once and started again by systemd, then the address claimed, then seen by agents that had just begun their longest
 * pause. Documented bounds, not measured times: the usual fail-over takes seconds.
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
