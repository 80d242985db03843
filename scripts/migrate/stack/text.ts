import { debianSeries, type RabbitmqSeries, traitsOf } from "../../../infra/config/series.ts";
import type { Answers } from "./answers.ts";

/** The broker with the highest priority holds the virtual IP; each further broker has a lower one. */
const highestPriority = 150;
const priorityStep = 10;

/** The cluster's name; its members are hosts. */
const cluster = "bunny";

/**
 * The stack file of the answers, commented and without secrets. All values have passed their schemas, so none needs quotes, except paths and the
 * series.
 */
export function newStackText(stack: string, answers: Answers, keyFile: string): string {
  const { domain, release, user, virtualIp } = answers;
  const members = Object.keys(answers.brokers);
  const host = (role: string) => (entry: [string, string]) =>
    `    ${entry[0]}: { address: ${entry[1]}, roles: [${role}]${release === "bookworm" ? "" : `, release: ${release}`} }\n`;
  const hosts = (comment: string, role: string, ofKind: Readonly<Record<string, string>>) =>
    Object.keys(ofKind).length > 0 ? `    # ${comment}\n${Object.entries(ofKind).map(host(role)).join("")}` : "";
  const priorities = members.map((name, index) => `${name}: ${Math.max(1, highestPriority - index * priorityStep)}`);
  return `# Stack ${stack}. stacks/Pulumi.op.yaml explains every key, also those that are not here; ./warren checks -s ${stack} lists unsafe settings.
config:
  # How warren logs in to hosts. A host may override this: ssh: { user: ops, via: OTHER-HOST }
  warren:ssh:
    user: ${user}
    # Relative to the checkout.
    privateKeyFile: ${JSON.stringify(keyFile)}
    # \`up\` asks about the keys of new hosts, and records them. Instead, name an OpenSSH known_hosts file of keys that you have compared:
    # knownHostsFile: keys/${stack}_known_hosts

${
  domain === undefined
    ? "  # The domain of the hosts' full names, which announcements and certificates contain.\n  # warren:domain: weather.example.org\n"
    : `  # The domain of the hosts' full names, which announcements and certificates contain.\n  warren:domain: ${domain}\n`
}
  # Every host: its address and what it does.
  warren:hosts:
${hosts("urp: a radar server. It makes products, serves them over HTTP, and announces them.", "urp", answers.radarServers)}${hosts(
  "bunny: a broker, keepalived for the virtual IP, and a dispatcher.",
  "bunny",
  answers.brokers,
)}${hosts("pds: a pulling server. All of them share one queue.", "pds", answers.pullers)}${hosts(
  "monitor: Prometheus and Alertmanager, which watch all hosts of the stack.",
  "monitor",
  answers.monitors,
)}
  # Where hosts install packages from, if not from their own sources; docs/stacks.md, "Install in a closed network".
  # warren:apt:
    # proxy: http://proxy.example.org:3142
    # mirror: { url: http://mirror.example.org/debian, securityUrl: http://mirror.example.org/debian-security }

  warren:brokers:
    ${cluster}:
      members: [${members.join(", ")}]
      # The series of RabbitMQ that the hosts' Debian release has.
      series: "${seriesOf(release)}"
${virtualIp ? `      virtualIp: ${virtualIp.name}\n` : ""}      # Networks that may connect to the management API. Include that of the machine that runs warren. Default: any network.
      # management: { from: [192.0.2.0/24] }
      # AMQP without TLS for other hosts, as old clients need it.
      # plainText: false
${
  virtualIp
    ? `
  warren:virtualIps:
    ${virtualIp.name}:
      address: ${virtualIp.address}
      interface: ${virtualIp.interface}
      # Unique for each virtual IP on a network.
      routerId: ${virtualIp.routerId}
      # The healthy host with the highest priority holds the address.
      priorities: { ${priorities.join(", ")} }
      # For virtual machines, which pause during a migration:
      # timing: migrating
`
    : ""
}${
  Object.keys(answers.monitors).length > 0
    ? `
  # Whom the monitors notify: docs/monitoring.md.
  # warren:monitor:
    # receivers:
    #   mail: { smarthost: "mail.example.org:25", from: warren@example.org, to: [operators@example.org] }
`
    : ""
}
  warren:announcements:
    broker: ${cluster}
    # Where products arrive on the radar servers, and where pullers place complete ones.
    # productRoot: /apps/px/db
    # receiverDirectory: /apps/px/rxq/pull_urp
`;
}

/** The series that a Debian release ships. */
function seriesOf(release: Answers["release"]): RabbitmqSeries {
  const found = debianSeries.find((series) => traitsOf(series).release === release);
  if (!found) throw new TypeError(`no series of RabbitMQ in ${release}`);
  return found;
}
