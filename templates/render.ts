import { readFileSync } from "node:fs";
import handlebars from "handlebars";
import { atom, formatTerms, type Term } from "./erlang-terms.ts";

/**
 * One typed function a template. Nothing is escaped (these are not pages), and a value that isn't set is an error:
 * `strict` throws at rendering, where an empty string would have made a wrong file.
 */
function template<Values>(name: string): (values: Values) => string {
  let compiled: ((values: Values) => string) | undefined;
  return (values) => {
    compiled ??= handlebars.compile<Values>(readFileSync(new URL(`./${name}.hbs`, import.meta.url), "utf8"), {
      noEscape: true,
      strict: true,
      knownHelpersOnly: true,
    });
    return compiled(values);
  };
}

/** `/etc/hosts`: address -> names, the first one canonical. */
export const renderHosts = template<{
  entries: readonly { address: string; name: string; aliases: readonly string[] }[];
}>("hosts");

/** apt preferences: package -> version pattern, e.g. `3.10.*`. */
export const renderAptPreferences = template<{ pins: readonly { package: string; version: string }[] }>(
  "apt-preferences",
);

/** One of several values of a key in `rabbitmq.conf`, numbered from 1. */
interface Numbered {
  readonly number: number;
  readonly name: string;
}

export interface RabbitmqConfValues {
  /** AMQP in the clear: on one address, or (empty) on all of them. */
  readonly clear: { readonly address: string; readonly port: number };
  readonly tls: { readonly port: number } | false;
  readonly certificateFile: string;
  readonly tlsVersions: readonly Numbered[];
  readonly management: { readonly address: string; readonly port: number; readonly tls: boolean };
  readonly clusterName: string;
  readonly clustered: boolean;
  /** In the order of the config. */
  readonly nodes: readonly Numbered[];
  readonly partitionHandling: string;
  /** Of a cluster. */
  readonly keepaliveMs: number;
  readonly raftPollMs: number;
  readonly frameBytesMax: number;
  readonly heartbeatSeconds: number;
  readonly definitionsFile: string;
  readonly loopbackUsers: readonly string[];
  readonly refuseAnonymous: boolean;
  readonly ldap: RabbitmqConfLdap | false;
}

interface RabbitmqConfLdap {
  /** Places in the order in which passwords are checked. */
  readonly number: number;
  readonly internalNumber: number;
  readonly internalDecides: boolean;
  readonly servers: readonly Numbered[];
  readonly port: number;
  readonly useSsl: boolean;
  readonly useStartTls: boolean;
  /** An empty server name: the one that is dialled. */
  readonly tls: { readonly caFile: string; readonly verification: string; readonly serverName: string } | false;
  readonly timeoutMs: number;
  readonly log: string;
}
export const renderRabbitmqConf = template<RabbitmqConfValues>("rabbitmq.conf");

const renderTermsFile = template<{ remarks: readonly string[]; terms: string }>("rabbitmq.config");

/** `rabbitmq.config` or `advanced.config`: Erlang terms, with remarks above them. */
export const renderRabbitmqConfig = (remarks: readonly string[], terms: readonly Term[]): string =>
  renderTermsFile({ remarks, terms: formatTerms(terms).trimEnd() });

/** `enabled_plugins`, as the broker's own tool writes it: no remark in it. */
export const renderEnabledPlugins = (plugins: readonly string[]): string => formatTerms([plugins.map(atom)]);

export interface VrrpInstance {
  readonly name: string;
  readonly interface: string;
  readonly routerId: number;
  readonly priority: number;
  readonly advertSeconds: number;
  readonly preemptDelaySeconds: number;
  /** Own address, and those of the other hosts: adverts go from one to the others, not to the segment. */
  readonly source: string;
  readonly peers: readonly string[];
  readonly address: string;
  readonly prefixLength: number;
  /** What standing behind the others takes off the priority, as with an unhealthy broker. */
  readonly unhealthyLoss: number;
  /** Whether clients that a dispatcher serves come by this address. */
  readonly dispatched: boolean;
}
export interface KeepalivedConfValues {
  readonly host: string;
  /** The broker's on this host. */
  readonly port: number;
  readonly instances: readonly VrrpInstance[];
  /** Into which keepalived writes states. */
  readonly fifo: string;
  /** Not 0 where this host's broker has ended, or speaks AMQP and can't work. */
  readonly downFile: string;
  readonly unhealthyFile: string;
  /** Not 0 where an operator wants the host to stand behind the others, or where its dispatcher has ended. */
  readonly operatorFile: string;
  readonly dispatcherFile: string;
}
/** keepalived's configuration of one host. */
export const renderKeepalivedConf = template<KeepalivedConfValues>("keepalived.conf");

/** nftables rules of a broker cluster's member; lists are written with commas, `managementFrom`, `ftpPorts` and `ftpFrom` may be empty. */
export const renderFirewall = template<{
  members: string;
  clusterPorts: string;
  managementPort: number;
  managementFrom: string;
  ftpPorts: string;
  ftpFrom: string;
}>("firewall.nft");

/** Drop-in of nftables.service, which empties the ruleset. */
export const renderNftablesDropIn = template<{ rules: string }>("nftables-service.conf");

/** The unit that loads the rules from a file. */
export const renderFirewallService = template<{ rules: string }>("warren-firewall.service");

/** Drop-in of the broker's unit. */
export const renderBrokerDropIn = template<{ firewall: boolean }>("rabbitmq-server.conf");

/** The AMQP handshake check that keepalived runs. */
export const renderAmqpCheck = template<Record<string, never>>("amqp-check");

/** The broker's unit tells keepalived of its end. */
export const renderVrrpBroker = template<{ downFile: string }>("vrrp-broker.conf");

/** What has a host stand behind the others for its virtual IPs. */
export const renderStandBack = template<{ folder: string }>("stand-back");

/** Folders under /run and keepalived's FIFO, made at each boot. */
export const renderVrrpTmpfiles = template<{
  fifo: string;
  user: string;
  directories: readonly { path: string; mode: string; owner: string; group: string }[];
}>("vrrp-tmpfiles.conf");

/** What says states and holders of virtual IPs in the journal, and its unit. */
export const renderVrrpWatch = template<Record<string, never>>("vrrp-watch");
export const renderVrrpWatchService = template<{
  user: string;
  fifo: string;
  folder: string;
  instances: readonly Pick<VrrpInstance, "name" | "interface" | "address">[];
}>("vrrp-watch.service");

/** What looks every half minute whether a broker can work. */
export const renderBrokerHealth = template<{
  program: string;
  /** `rabbitmqctl`, for clusters with quorum queues; else empty. */
  control: string;
}>("broker-health");
export const renderBrokerHealthService = template<{ folder: string; restarts: boolean }>("broker-health.service");
export const renderBrokerHealthTimer = template<Record<string, never>>("broker-health.timer");

/** apache2: folder `root` under the path `url` (with slashes at both ends). */
export const renderApacheProducts = template<{ root: string; url: string }>("apache-products.conf");

export interface AgentServiceValues {
  readonly name: string;
  readonly summary: string;
  readonly user: string;
  /** Name of its bundle. */
  readonly program: string;
  /** Secret files that it is given, by name. */
  readonly credentials: readonly { readonly name: string; readonly file: string }[];
  /** Units of the same host to start after, separated by spaces; may be empty. */
  readonly after: string;
  /** Seconds without a sign of life until systemd ends it. */
  readonly watchdogSeconds: number;
  /** The program that tells keepalived of its end; may be empty. */
  readonly standBack: string;
  /** Folders outside its state that the agent writes, separated by spaces; may be empty. */
  readonly writable: string;
  /** Seconds until systemd kills what doesn't stop: longer than the agent's own deadline. */
  readonly stopSeconds: number;
}
export const renderAgentService = template<AgentServiceValues>("agent.service");

/** A drop-in of sshd: an account that may do nothing but SFTP below a folder of root's. */
export const renderDeliveryAccount = template<{ user: string; root: string; keys: string }>("sshd-delivery.conf");

/** The FTP server that files are delivered to: its own config, who may log in, its unit. `certificateFile` is empty where it speaks no TLS. */
export const renderVsftpdConf = template<{
  user: string;
  root: string;
  pamService: string;
  passivePortFrom: number;
  passivePortTo: number;
  certificateFile: string;
}>("vsftpd.conf");
export const renderVsftpdPam = template<{ passwordFile: string }>("vsftpd.pam");
export const renderVsftpdService = template<{ configFile: string; writable: string; firewall: boolean }>(
  "vsftpd.service",
);

/** The unit of a subscriber: `queue`, `exchange` and `topic` of its messages, the folder of its products. */
export const renderSubscriberService = template<{
  user: string;
  queue: string;
  exchange: string;
  topic: string;
  folder: string;
  environmentFile: string;
  caFile: string;
}>("subscriber.service");

/** slapd of the stack's own LDAP server, its entries, its unit. */
export const renderSlapdConf = template<{
  suffix: string;
  database: string;
  tls: { caFile: string; certificate: string; key: string } | false;
}>("slapd.conf");
export const renderDirectoryLdif = template<{ entries: readonly { dn: string; lines: readonly string[] }[] }>(
  "directory.ldif",
);
export const renderSlapdService = template<{
  configFile: string;
  entriesFile: string;
  database: string;
  urls: string;
}>("slapd.service");
export const renderSlapdEnds = template<Record<string, never>>("slapd-ends.conf");
