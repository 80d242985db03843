import type { StackConfig } from "../config/index.ts";
import { knownQueues } from "./agent-queues.ts";
import { agentModule, alertmanagerPort, exporterPort } from "./monitored.ts";
import { isMonitored, monitorHosts } from "./monitored-hosts.ts";
import type { AgentMetrics } from "./part.ts";
import { clientsOf, publicServers } from "./public-servers.ts";
import { subscriberQueueOf } from "./subscriber.ts";
import { caFile, exporterCertificateFile } from "./tls.ts";

/** Seconds between two scrapes, and for one. */
const intervalSeconds = 5;
const timeoutSeconds = 4;
/** A host that answers with more is in trouble, and must not take the monitor with it: ten thousand queues are 3 MB. */
const bodyMax = "20MB";

interface Target {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Prometheus' config: each host by its one port with mutual TLS. Every target has the labels `host` and `instance`, the host's name in the stack;
 * brokers have `cluster`, and agents have `agent`, the name of their unit without `warren-`.
 *
 * @param agentsOf the agents of a host
 */
export function scrapeConfig(
  config: StackConfig,
  rulesFile: string,
  agentsOf: (host: string) => readonly AgentMetrics[],
): object {
  const hosts = Object.keys(config.hosts).filter((host) => isMonitored(config, host));
  const target = (host: string, labels: Readonly<Record<string, string>> = {}): Target => ({
    targets: [`${config.hosts[host]?.address ?? host}:${exporterPort}`],
    labels: { host, instance: host, ...labels },
  });
  const members = Object.entries(config.brokers).flatMap(([cluster, { members }]) =>
    members.filter((host) => hosts.includes(host)).map((host) => target(host, { cluster })),
  );
  const monitors = monitorHosts(config).map((host) => target(host));
  const agents = hosts.flatMap((host) =>
    agentsOf(host).map(({ agent }) =>
      target(host, { agent, instance: `${host}/${agent}`, __param_module: agentModule(agent) }),
    ),
  );
  const own = (name: string, targets: readonly Target[]) => job(name, targets, { module: [name] });
  return {
    global: {
      scrape_interval: `${intervalSeconds}s`,
      scrape_timeout: `${timeoutSeconds}s`,
      evaluation_interval: `${intervalSeconds}s`,
    },
    rule_files: [rulesFile],
    alerting: { alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${alertmanagerPort}`] }] }] },
    scrape_configs: [
      own(
        "node",
        hosts.map((host) => target(host)),
      ),
      own("rabbitmq", members),
      {
        ...job("rabbitmq-queues", members, {
          module: ["rabbitmq-queues"],
          // Families that 3.10 and 4.0 both have.
          family: ["queue_coarse_metrics", "queue_consumer_count"],
        }),
        metric_relabel_configs: [{ source_labels: ["queue"], regex: watchedQueues(config), action: "keep" }],
      },
      job("agent", agents, {}),
      own("prometheus", monitors),
      own("alertmanager", monitors),
    ].filter(({ static_configs }) => static_configs.length > 0),
  };
}

function job(name: string, targets: readonly Target[], params: Readonly<Record<string, readonly string[]>>) {
  return {
    job_name: name,
    scheme: "https",
    metrics_path: "/proxy",
    params,
    tls_config: { ca_file: caFile, cert_file: exporterCertificateFile, key_file: exporterCertificateFile },
    body_size_limit: bodyMax,
    static_configs: targets,
  };
}

/** A pattern of the queues of agents, of the config and of subscribers, and of metrics without a queue. Clients can make any number of others. */
function watchedQueues(config: StackConfig): string {
  const known = Object.keys(config.brokers).flatMap((cluster) => knownQueues(config, cluster));
  const subscribed = publicServers(config).flatMap((server) => clientsOf(config, server).map(subscriberQueueOf));
  return ["", ...new Set([...known, ...subscribed].map((name) => name.replaceAll(/[^\w-]/g, "\\$&")))].join("|");
}
