import type { StackConfig } from "../config/index.ts";
import { reportedUnits } from "./alerts/hosts.ts";
import { certificateMetrics, metricsFolder } from "./certificate-metrics.ts";
import { json, rootFile } from "./files.ts";
import { isMonitored, monitorHosts } from "./monitored-hosts.ts";
import type { AgentMetrics, HostPart, PartContext } from "./part.ts";
import { caFile, exporterCertificateFile } from "./tls.ts";
import type { UnitModel } from "./types.ts";

/** The account of Debian's Prometheus packages. They would create it, but its files are written first. */
export const prometheusAccount = { name: "prometheus", home: "/var/lib/prometheus" };

/** The port for all metrics of a host, Debian's for prometheus-exporter-exporter. Others are on loopback, at these ports. */
export const exporterPort = 9998;
export const nodeExporterPort = 9100;
/** RabbitMQ's default for rabbitmq_prometheus. */
export const brokerMetricsPort = 15692;
export const prometheusPort = 9090;
export const alertmanagerPort = 9093;
/** For messages between two Alertmanagers, its default. */
export const gossipPort = 9094;

export const exporterUnit = "prometheus-exporter-exporter.service";
export const nodeExporterUnit = "prometheus-node-exporter.service";

/** Whether the host is a member of a broker. */
export const hasBroker = ({ brokers }: StackConfig, host: string): boolean =>
  Object.values(brokers).some(({ members }) => members.includes(host));

/** The name of an agent's module in the exporter proxy. */
export const agentModule = (agent: string): string => `agent-${agent}`;

/**
 * What monitors need of a host: its own metrics, and one port over which all metrics of the host are fetched.
 *
 * @param agents of the host
 */
export function monitoredPart(context: PartContext, agents: readonly AgentMetrics[]): HostPart {
  const { config, host } = context;
  if (!isMonitored(config, host)) return {};
  const isMonitor = config.hosts[host]?.roles.includes("monitor") ?? false;
  const modules = {
    node: nodeExporterPort,
    ...(hasBroker(config, host) ? { rabbitmq: brokerMetricsPort } : {}),
    ...(isMonitor ? { prometheus: prometheusPort, alertmanager: alertmanagerPort } : {}),
    ...Object.fromEntries(agents.map(({ agent, port }) => [agentModule(agent), port])),
  };
  const proxy = proxyFiles(config, modules, hasBroker(config, host));
  const node = argumentsFile("prometheus-node-exporter", nodeExporterArguments);
  return {
    accounts: [prometheusAccount],
    files: [...proxy, node, ...certificateMetrics(context)],
    // The collector of units asks systemd by D-Bus.
    packages: [
      { name: "dbus", keep: true },
      { name: "prometheus-exporter-exporter" },
      { name: "prometheus-node-exporter" },
    ],
    units: [
      packagedUnit(nodeExporterUnit, [node.path]),
      // It reads its certificate and the CA at start only.
      packagedUnit(exporterUnit, [...proxy.map(({ path }) => path), exporterCertificateFile, caFile]),
    ],
  };
}

/** Few collectors, because each sample is kept for days: what the alert rules use, and what explains a busy host. */
const collectors = [
  "cpu",
  "diskstats",
  "filesystem",
  "loadavg",
  "meminfo",
  "netdev",
  "stat",
  "systemd",
  "textfile",
  "time",
  "timex",
];
/** Without the packages' `overlay`, the root folder of a container. */
const pseudoFileSystems =
  "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|efivarfs|fusectl|hugetlbfs|mqueue|nsfs|proc|pstore|ramfs|securityfs|squashfs|sysfs|tmpfs|tracefs)$";

const nodeExporterArguments = [
  `--web.listen-address=127.0.0.1:${nodeExporterPort}`,
  "--web.disable-exporter-metrics",
  "--collector.disable-defaults",
  ...collectors.map((name) => `--collector.${name}`),
  `--collector.textfile.directory=${metricsFolder}`,
  // Who has a virtual IP.
  "--collector.netdev.address-info",
  `--collector.filesystem.fs-types-exclude=${pseudoFileSystems}`,
  // systemd would take a backslash for its own.
  `--collector.systemd.unit-include=${reportedUnits.replaceAll("\\.", "[.]")}`,
  "--collector.systemd.enable-restarts-metrics",
];

/** The proxy accepts clients with a certificate of the stack's CA for clients. Only monitors have one. */
function proxyFiles(config: StackConfig, modules: Readonly<Record<string, number>>, queues: boolean) {
  // Prometheus parses what it gets; the proxy need not do it, too.
  const module = (port: number, path = "/metrics") => ({ method: "http", http: { port, path, verify: false } });
  const all = Object.fromEntries(Object.entries(modules).map(([name, port]) => [name, module(port)]));
  const detailed = queues ? { "rabbitmq-queues": module(brokerMetricsPort, "/metrics/detailed") } : {};
  const file = rootFile("/etc/prometheus/warren-exporters.yml", json({ modules: { ...all, ...detailed } }));
  const allowed = monitorHosts(config).map((name) => `-allow.net=${config.hosts[name]?.address ?? name}/32`);
  return [
    file,
    argumentsFile("prometheus-exporter-exporter", [
      `-config.file=${file.path}`,
      // Nothing without TLS.
      "-web.listen-address=",
      `-web.tls.listen-address=:${exporterPort}`,
      `-web.tls.cert=${exporterCertificateFile}`,
      `-web.tls.key=${exporterCertificateFile}`,
      `-web.tls.ca=${caFile}`,
      "-web.tls.verify",
      ...allowed,
    ]),
  ];
}

/**
 * The file with the arguments of a Debian package's unit. Written before the package, so that its first start does not listen to the network
 * without TLS, as the packages' own settings do.
 */
export const argumentsFile = (name: string, words: readonly string[]) =>
  rootFile(`/etc/default/${name}`, `# Managed by warren.\nARGS="${words.join(" ")}"\n`);

/** A unit of a Debian package that reads its files at start. */
export const packagedUnit = (name: string, reads: readonly string[]): UnitModel => ({
  name,
  onChange: "restart",
  reads,
  after: [],
  afterBroker: false,
  packaged: true,
});
