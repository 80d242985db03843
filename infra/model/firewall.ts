import { renderFirewall, renderFirewallService, renderNftablesDropIn } from "../../templates/render.ts";
import { candidate } from "../commands/files.ts";
import type { BrokerConfig } from "../config/brokers.ts";
import type { StackConfig } from "../config/index.ts";
import { rootFile } from "./files.ts";
import { ftpPorts } from "./ftp-server.ts";
import { exporterPort, gossipPort } from "./monitored.ts";
import { isMonitored, monitorHosts } from "./monitored-hosts.ts";
import { firewallRules, firewallUnit } from "./names.ts";
import type { HostPart, PartContext } from "./part.ts";
import { publicServerAt } from "./public-servers.ts";

/** Port of the connections between members, RabbitMQ's default (rabbitmq.com/docs/networking). */
export const clusterPort = "25672";
/** epmd, Erlang distribution, command line. */
const clusterPorts = `4369, ${clusterPort}, 35672-35682`;

/** FTP ports of a host, and the addresses that may use them. */
function ftpRules(config: StackConfig, host: string): { readonly ftpPorts: string; readonly ftpFrom: string } {
  const ports = ftpPorts(publicServerAt(config, host)?.config);
  const from = Object.values(config.hosts).filter(({ roles }) => roles.includes("px"));
  return { ftpPorts: ports.join(", "), ftpFrom: ports.length > 0 ? from.map(({ address }) => address).join(", ") : "" };
}

/** Addresses of monitors, and the ports on a host that only they may use. */
function monitorRules(config: StackConfig, host: string): { readonly monitors: string; readonly monitorPorts: string } {
  const names = isMonitored(config, host) ? monitorHosts(config) : [];
  const ports = names.includes(host) ? [exporterPort, gossipPort] : [exporterPort];
  return {
    monitors: names.map((name) => config.hosts[name]?.address ?? name).join(", "),
    monitorPorts: ports.join(", "),
  };
}

/** In nftables' syntax. */
const managementPorts = ({ port, plainPort }: BrokerConfig["management"]): string =>
  plainPort === undefined ? `${port}` : `{ ${port}, ${plainPort} }`;

/** Hosts that can hold the virtual IPs of this host. Hosts with the old VRRP need not be in the stack, so with `vrrp2` any host may announce. */
function vrrpPeers({ virtualIps, hosts }: StackConfig, host: string): string {
  const own = Object.values(virtualIps).filter(({ priorities }) => host in priorities);
  if (own.some(({ vrrp2 }) => vrrp2)) return "";
  const names = new Set(own.flatMap(({ priorities }) => Object.keys(priorities)));
  return [...names].map((name) => hosts[name]?.address ?? name).join(", ");
}

/** Bursts, in seconds of the rate. A site's clients share an address and may all reconnect at the same time. */
const connectionsBurstSeconds = 10;
const bytesBurstSeconds = 8;

/** AMQP and MQTT, in nftables' syntax. */
function clientPorts({ port, tls, tlsPort, plainText, mqtt }: BrokerConfig): string {
  const { webPort = 0 } = mqtt ?? {};
  const ofMqtt = mqtt ? [...(tls ? [mqtt.tlsPort] : []), ...(plainText ? [mqtt.port] : []), webPort] : [];
  return [port, ...(tls ? [tlsPort] : []), ...ofMqtt].filter((each) => each > 0).join(", ");
}

/** Rates of outsiders' addresses, in nftables' syntax. */
function outsidersRules(config: StackConfig, { outsiders, management }: BrokerConfig) {
  if (!outsiders) return false;
  const {
    connectionsPerSecond: connections,
    bytesPerSecond: bytes,
    receivedBytesPerSecond: received,
    exempt,
  } = outsiders;
  const hosts = Object.values(config.hosts).map(({ address }) => address);
  return {
    trusted: [...new Set([...hosts, ...management.from, ...exempt])].join(", "),
    connections,
    connectionsBurst: connections * connectionsBurstSeconds,
    bytes,
    bytesBurst: bytes * bytesBurstSeconds,
    received,
    receivedBurst: received * bytesBurstSeconds,
  };
}

/** Restricts a member's internal ports to members. Clients' ports are not among them: their listeners' addresses control access, and outsiders have a rate. */
export function firewallPart({ config, host }: PartContext): HostPart {
  const broker = Object.values(config.brokers).find(({ members }) => members.includes(host));
  if (!broker?.firewall) return {};
  const { management } = broker;
  const text = renderFirewall({
    members: broker.members.map((member) => config.hosts[member]?.address ?? member).join(", "),
    clusterPorts,
    managementPorts: managementPorts(management),
    managementFrom: management.from.join(", "),
    ...ftpRules(config, host),
    ...monitorRules(config, host),
    vrrpPeers: vrrpPeers(config, host),
    clientPorts: clientPorts(broker),
    outsiders: outsidersRules(config, broker),
  });
  const nft = "/usr/sbin/nft";
  // Before packages, because the broker's first start waits for the unit, and nft is installed with the same packages.
  const rules = rootFile(firewallRules, text, { validate: [nft, "-c", "-f", candidate], validator: nft });
  const unit = rootFile(`/etc/systemd/system/${firewallUnit}`, renderFirewallService({ rules: firewallRules }));
  const others = rootFile(
    "/etc/systemd/system/nftables.service.d/warren.conf",
    renderNftablesDropIn({ rules: firewallRules }),
  );
  return {
    files: [rules, unit, others],
    packages: [{ name: "nftables", keep: true }],
    units: [
      {
        name: firewallUnit,
        onChange: "reload",
        reads: [rules.path, unit.path, others.path],
        after: [],
        afterBroker: false,
        packaged: false,
      },
    ],
  };
}
