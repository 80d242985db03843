import { brokerUnit, ftpUnit } from "../../../infra/model/names.ts";
import { type Chain, chainHostOf, roadAt } from "../snapshot/chain.ts";
import { type BrokerEvidence, type Evidence, hostEvidence } from "../snapshot/evidence.ts";
import { agentIsHealthy, agentStep, amqpStep, answersStep, clockStep, diskStep, unitStep } from "./common-steps.ts";
import { keepsRunningStep } from "./crash-steps.ts";
import { perSecond } from "./dispatch-steps.ts";
import { ageText, broken, byHost, good, onHost, type Step, type Verdict } from "./step.ts";
import { judgeFetch } from "./urp-steps.ts";

const servers = ({ publicRoads }: Chain) => publicRoads.map(({ server }) => server);

/** The broker of a public data server. */
const brokerAt = ({ chain, publicBrokers }: Evidence, host: string): BrokerEvidence | undefined =>
  publicBrokers[roadAt(chain, host)?.broker ?? ""];

const ftpServers = (chain: Chain) => servers(chain).filter((name) => chainHostOf(chain, name).units.includes(ftpUnit));

const mqttServers = (chain: Chain) => servers(chain).filter((name) => chainHostOf(chain, name).mqttPort !== undefined);

/** The public data servers: each with its broker, its web server, its agents. */
export const ddSteps: readonly Step[] = [
  answersStep("DD", servers),
  clockStep("DD", servers),
  diskStep("DD", servers),
  unitStep("broker-runs", "broker runs", "DD", brokerUnit, servers),
  amqpStep("DD", servers),
  {
    id: "broker-serves",
    name: "broker serves",
    part: "DD",
    hosts: servers,
    judge: ({ evidence }, host) => serves(evidence, host),
  },
  {
    id: "no-alarm",
    name: "no alarm",
    part: "DD",
    hosts: servers,
    judge: ({ evidence }, host) => alarm(evidence, host),
  },
  {
    id: "mqtt-is-served",
    name: "MQTT is served",
    part: "DD",
    hosts: mqttServers,
    judge: byHost(({ mqtt }, { evidence }, host) => {
      if (!mqtt || "ok" in mqtt) return good("its port is open");
      const port = chainHostOf(evidence.chain, host).mqttPort;
      return broken(
        `no connection to MQTT's port ${port} on loopback: ${mqtt.silent}`,
        `${onHost(evidence, host, "rabbitmq-plugins list -q -e rabbitmq_mqtt")}; if it is not enabled: ${onHost(evidence, host, "rabbitmq-plugins enable rabbitmq_mqtt")}; else ${onHost(evidence, host, "tail -n 50 /var/log/rabbitmq/rabbit@*.log")}`,
      );
    }),
  },
  unitStep("apache-runs", "apache runs", "DD", "apache2.service", servers),
  unitStep("ftp-server-runs", "FTP server runs", "DD", ftpUnit, ftpServers),
  {
    id: "products-are-served",
    name: "products are served",
    part: "DD",
    hosts: servers,
    judge: byHost(({ fetches = [], newest = [], nowMs }, { evidence }, host) => {
      const own = fetches.find(({ from }) => from === host);
      if (!own) return good("no product to fetch");
      const age = newest[0] ? `the newest arrived ${ageText(nowMs - newest[0].modifiedMs)} ago; ` : "";
      const verdict = judgeFetch(own, onHost(evidence, host, "tail /var/log/apache2/error.log"));
      return { ...verdict, evidence: `${age}${verdict.evidence}` };
    }),
  },
  keepsRunningStep("DD", servers, (agent) => agent === "watcher" || agent === "queue-manager"),
  agentStep("DD", "watcher", servers),
  agentIsHealthy("DD", "watcher", servers),
  agentStep("DD", "queue-manager", servers),
  agentIsHealthy("DD", "queue-manager", servers),
  {
    id: "client-queues-are-short",
    name: "clients' queues are short",
    part: "DD",
    hosts: servers,
    judge: ({ evidence }, host) => shortQueues(evidence, host),
  },
];

function serves(evidence: Evidence, host: string): Verdict {
  const view = brokerAt(evidence, host)?.members[host] ?? { silent: "not asked" };
  if ("nodes" in view) return good("its management API answers");
  if (!hostEvidence(evidence, host)) return { verdict: "unknown", evidence: "the host doesn't answer" };
  return broken(
    `its management API does not answer: ${view.silent}`,
    `${onHost(evidence, host, "tail -n 50 /var/log/rabbitmq/rabbit@*.log")}; restart a node that hangs: ${onHost(evidence, host, "systemctl restart rabbitmq-server")}`,
  );
}

function alarm(evidence: Evidence, host: string): Verdict {
  const view = brokerAt(evidence, host)?.members[host];
  const node = view && "nodes" in view ? view.nodes.find(({ name }) => name === `rabbit@${host}`) : undefined;
  if (!node) return { verdict: "unknown", evidence: "the broker does not answer" };
  if (!node.memoryAlarm && !node.diskAlarm) return good("neither memory nor disk");
  const [what, command] = node.diskAlarm
    ? ["disk", "df -h /var/lib/rabbitmq"]
    : ["memory", "rabbitmq-diagnostics -q memory_breakdown"];
  return broken(
    `${what} alarm: it accepts no messages until the alarm clears`,
    `${onHost(evidence, host, command)}; queues without consumers fill it`,
  );
}

/** The queue manager limits clients' queues: if one is too long, the manager does not work, or has not acted yet. */
function shortQueues(evidence: Evidence, host: string): Verdict {
  const { chain } = evidence;
  const queues = brokerAt(evidence, host)?.queues;
  if (!queues) return { verdict: "unknown", evidence: "the broker reports no queues" };
  const road = roadAt(chain, host);
  const most = road?.messagesMax ?? 0;
  // The system's own queues may have any length.
  const kept = (road?.keptQueues ?? []).map((pattern) => new RegExp(pattern, "u"));
  const clients = Object.values(queues).filter(({ name }) => !kept.some((pattern) => pattern.test(name)));
  const all = clients.toSorted((a, b) => b.messages - a.messages);
  const published = all.reduce((sum, queue) => sum + queue.published, 0);
  const [deepest] = all;
  const text = `${all.length} queues receive ${perSecond(published)}${deepest ? `, the longest is ${deepest.name} with ${deepest.messages}` : ""}`;
  if (!deepest || deepest.messages <= most) return good(text);
  return broken(
    `${text}, more than ${most}`,
    `its client does not consume; see how it is handled in ./warren logs -s ${chain.stack} --host ${host} --agent queue-manager --since 3600`,
  );
}
