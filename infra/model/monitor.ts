import { candidate } from "../commands/files.ts";
import { alertmanagerConfig } from "./alertmanager.ts";
import { alertRules } from "./alerts/index.ts";
import { json, rootFile } from "./files.ts";
import {
  alertmanagerPort,
  argumentsFile,
  gossipPort,
  packagedUnit,
  prometheusAccount,
  prometheusPort,
} from "./monitored.ts";
import { monitorHosts } from "./monitored-hosts.ts";
import { alertmanagerUnit, prometheusUnit } from "./names.ts";
import type { AgentMetrics, HostPart, PartContext } from "./part.ts";
import { scrapeConfig } from "./scrape.ts";
import { caFile, exporterCertificateFile } from "./tls.ts";

const files = {
  config: "/etc/prometheus/warren.yml",
  rules: "/etc/prometheus/warren-rules.yml",
  alertmanager: "/etc/prometheus/warren-alertmanager.yml",
  gossip: "/etc/prometheus/warren-gossip.yml",
} as const;

const promtool = "/usr/bin/promtool";
const amtool = "/usr/bin/amtool";

/**
 * Prometheus and Alertmanager of a monitor, both on loopback; two monitors notify once.
 *
 * @param agentsOf the agents of any host
 */
export function monitorPart(context: PartContext, agentsOf: (host: string) => readonly AgentMetrics[]): HostPart {
  const { config } = context;
  const { retentionDays, retentionGb } = config.monitor;
  // All before the packages, because their first start reads them.
  const scrapes = rootFile(files.config, json(scrapeConfig(config, files.rules, agentsOf)), {
    // Without the files that it names: they may not be there yet.
    validate: [promtool, "check", "config", "--syntax-only", candidate],
    validator: promtool,
  });
  const rules = rootFile(files.rules, alertRules(config), {
    validate: [promtool, "check", "rules", candidate],
    validator: promtool,
  });
  const prometheus = argumentsFile("prometheus", [
    `--config.file=${scrapes.path}`,
    `--web.listen-address=127.0.0.1:${prometheusPort}`,
    `--web.external-url=http://localhost:${prometheusPort}/`,
    `--storage.tsdb.retention.time=${retentionDays}d`,
    `--storage.tsdb.retention.size=${retentionGb}GB`,
  ]);
  const alertmanager = alertmanagerFiles(context);
  return {
    accounts: [prometheusAccount],
    files: [scrapes, rules, prometheus, ...alertmanager],
    packages: [{ name: "prometheus" }, { name: "prometheus-alertmanager" }],
    units: [
      packagedUnit(prometheusUnit, [scrapes.path, rules.path, prometheus.path]),
      packagedUnit(
        alertmanagerUnit,
        alertmanager.map(({ path }) => path),
      ),
    ],
  };
}

function alertmanagerFiles({ config, host }: PartContext) {
  const [other] = monitorHosts(config).filter((name) => name !== host);
  const addressOf = (name: string) => config.hosts[name]?.address ?? name;
  const routes = rootFile(files.alertmanager, json(alertmanagerConfig(config)), {
    // It contains the receivers' passwords and tokens.
    ...{ secret: true, mode: "0400", owner: prometheusAccount.name, group: prometheusAccount.name },
    validate: [amtool, "check-config", candidate],
    validator: amtool,
  });
  const gossip = other === undefined ? [] : [rootFile(files.gossip, json(gossipTls))];
  return [
    routes,
    ...gossip,
    argumentsFile("prometheus-alertmanager", [
      `--config.file=${routes.path}`,
      `--web.listen-address=127.0.0.1:${alertmanagerPort}`,
      `--web.external-url=http://localhost:${alertmanagerPort}/`,
      // As long as Prometheus keeps its samples: the live page's history marks the planned work that ended silences were for.
      `--data.retention=${config.monitor.retentionDays * 24}h`,
      ...(other === undefined
        ? ["--cluster.listen-address="]
        : [
            `--cluster.listen-address=${addressOf(host)}:${gossipPort}`,
            `--cluster.peer=${addressOf(other)}:${gossipPort}`,
            `--cluster.tls-config=${files.gossip}`,
          ]),
    ]),
  ];
}

/** Each Alertmanager accepts only the other one: a certificate of the stack's CA for clients. */
const gossipTls = {
  tls_server_config: {
    cert_file: exporterCertificateFile,
    key_file: exporterCertificateFile,
    client_ca_file: caFile,
    client_auth_type: "RequireAndVerifyClientCert",
  },
  tls_client_config: { cert_file: exporterCertificateFile, key_file: exporterCertificateFile, ca_file: caFile },
};
