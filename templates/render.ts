import { readFileSync } from "node:fs";
import handlebars from "handlebars";
import { atom, formatTerms, type Term } from "./erlang-terms.ts";

/**
 * One typed function for each template. Nothing is escaped, because the output isn't HTML. A missing value throws (`strict`), because an
 * empty string would make a wrong file.
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
export const renderHosts = template<{ entries: readonly { address: string; names: readonly string[] }[] }>("hosts");

/** apt preferences: package -> version pattern, e.g. `3.10.*`. */
export const renderAptPreferences = template<{ pins: readonly { package: string; version: string }[] }>(
  "apt-preferences",
);

/** apt's settings; an empty text leaves a setting out. */
export const renderAptSettings = template<{ proxy: string; sourceList: string }>("apt-settings");

/** Sources of apt in the format deb822. A key inside `signedBy` begins on the next line, and is indented. */
export const renderAptSources = template<{
  sources: readonly { url: string; suites: string; components: string; signedBy: string }[];
}>("apt-sources");

/** One of several values of a key in `rabbitmq.conf`, numbered from 1. */
interface Numbered {
  readonly number: number;
  readonly name: string;
}

export interface RabbitmqConfValues {
  /** AMQP without TLS: on one address, or (empty) on all of them. */
  readonly clear: { readonly address: string; readonly port: number };
  readonly tls: { readonly port: number } | false;
  readonly certificateFile: string;
  readonly tlsVersions: readonly Numbered[];
  readonly management: {
    readonly address: string;
    readonly port: number;
    readonly tls: boolean;
    /** HTTP without TLS as well. */
    readonly plainPort: number | false;
  };
  readonly clusterName: string;
  readonly clustered: boolean;
  /** In the order of the config. */
  readonly nodes: readonly Numbered[];
  readonly partitionHandling: string;
  /** For clusters only. */
  readonly keepaliveMs: number;
  readonly raftPollMs: number;
  readonly frameBytesMax: number;
  readonly messageBytesMax: number | false;
  readonly heartbeatSeconds: number;
  readonly mqtt:
    | {
        /** 0: no such listener. */
        readonly tlsPort: number;
        readonly port: number;
        readonly webTlsPort: number;
        readonly webPort: number;
        readonly exchange: string;
        /** 0: RabbitMQ's default. */
        readonly sessionSecondsMax: number;
      }
    | false;
  readonly definitionsFile: string;
  /** On loopback; 0: no metrics. */
  readonly metricsPort: number;
  readonly quorumByDefault: boolean;
  readonly loopbackUsers: readonly string[];
  readonly refuseAnonymous: boolean;
  readonly ldap: RabbitmqConfLdap | false;
}

interface RabbitmqConfLdap {
  /** Positions in the order in which passwords are checked. */
  readonly number: number;
  readonly internalNumber: number;
  readonly internalDecides: boolean;
  /** Another file has the backends. */
  readonly listed: boolean;
  readonly servers: readonly Numbered[];
  readonly port: number;
  readonly useSsl: boolean;
  readonly useStartTls: boolean;
  /** An empty server name means the name that is dialled. */
  readonly tls: { readonly caFile: string; readonly verification: string; readonly serverName: string } | false;
  readonly timeoutMs: number;
  readonly log: string;
}
export const renderRabbitmqConf = template<RabbitmqConfValues>("rabbitmq.conf");

const renderTermsFile = template<{ remarks: readonly string[]; terms: string }>("rabbitmq.config");

/** `rabbitmq.config` or `advanced.config`: Erlang terms, with remarks above them. */
export const renderRabbitmqConfig = (remarks: readonly string[], terms: readonly Term[]): string =>
  renderTermsFile({ remarks, terms: formatTerms(terms).trimEnd() });

/** `rabbitmq-env.conf`: Erlang distribution over TLS, with the options of a file. */
export const renderRabbitmqEnv = template<{ distributionFile: string }>("rabbitmq-env.conf");

/** `enabled_plugins`, as rabbitmq-plugins writes it: without remarks. */
export const renderEnabledPlugins = (plugins: readonly string[]): string => formatTerms([plugins.map(atom)]);

export interface VrrpInstance {
  readonly name: string;
  readonly interface: string;
  readonly routerId: number;
  readonly priority: number;
  readonly advertSeconds: number;
  readonly preemptDelaySeconds: number;
  /** VRRP version 2 by multicast, with a password in the clear, as the old text has it. */
  readonly vrrp2: { readonly authPass: string } | false;
  /** The host's own address and those of its peers: adverts of version 3 are unicast. */
  readonly source: string;
  readonly peers: readonly string[];
  readonly address: string;
  readonly prefixLength: number;
  /** Subtracted from the priority when the host steps aside or its broker is unhealthy. */
  readonly unhealthyLoss: number;
  /** Whether the host's dispatcher serves this address. */
  readonly dispatched: boolean;
}
export interface KeepalivedConfValues {
  readonly host: string;
  /** AMQP port of this host's broker. */
  readonly port: number;
  readonly instances: readonly VrrpInstance[];
  /** keepalived writes changes of state into it. */
  readonly fifo: string;
  /** Not 0 when this host's broker has stopped; not 0 when it answers AMQP but is unhealthy. */
  readonly downFile: string;
  readonly unhealthyFile: string;
  /** Not 0 when an operator wants the host to step aside; not 0 when its dispatcher has exited. */
  readonly operatorFile: string;
  readonly dispatcherFile: string;
}
/** keepalived's configuration of one host. */
export const renderKeepalivedConf = template<KeepalivedConfValues>("keepalived.conf");

/** Apache's configuration in front of the live page; without `ldap`, people are in a file. */
export const renderPageProxy = template<{
  readonly stack: string;
  readonly name: string;
  readonly port: number;
  readonly pageUrl: string;
  /** What Apache's `Require` says. */
  readonly require: string;
  readonly ldap:
    | {
        readonly attribute: string;
        readonly base: string;
        readonly url: string;
        readonly mode: string;
        readonly timeoutSeconds: number;
        readonly isEncrypted: boolean;
        readonly isVerified: boolean;
        readonly caFile: string;
      }
    | false;
}>("page-proxy.conf");

export const renderPageProxyService = template<{
  readonly configFile: string;
  readonly user: string;
  readonly certificateFile: string;
  /** Empty: none. */
  readonly peopleFile: string;
}>("page-proxy.service");

/** nftables rules of a broker cluster's member. Lists are comma-separated; all but the first three may be empty. */
export const renderFirewall = template<{
  members: string;
  clusterPorts: string;
  managementPorts: string;
  managementFrom: string;
  ftpPorts: string;
  ftpFrom: string;
  monitors: string;
  monitorPorts: string;
  /** Hosts that announce the virtual IPs of this host; empty: any host may. */
  vrrpPeers: string;
  /** Of AMQP and MQTT. */
  clientPorts: string;
  outsiders:
    | {
        readonly trusted: string;
        readonly connections: number;
        readonly connectionsBurst: number;
        readonly bytes: number;
        readonly bytesBurst: number;
        readonly received: number;
        readonly receivedBurst: number;
      }
    | false;
}>("firewall.nft");

/** Drop-in of nftables.service, which empties the ruleset: loads warren's rules again. */
export const renderNftablesDropIn = template<{ rules: string }>("nftables-service.conf");

/** The unit that loads the rules from a file. */
export const renderFirewallService = template<{ rules: string }>("warren-firewall.service");

/** Drop-in of the broker's unit. */
export const renderBrokerDropIn = template<{ firewall: boolean; beforeStop: string | undefined }>(
  "rabbitmq-server.conf",
);

/** The AMQP handshake check that keepalived runs. */
export const renderAmqpCheck = template<Record<string, never>>("amqp-check");

/** Drop-in of the broker's unit that signals its stop to keepalived. */
export const renderVrrpBroker = template<{ downFile: string; beforeStop: string | undefined }>("vrrp-broker.conf");

/** The script that lets a host step aside from its virtual IPs. */
export const renderStandBack = template<{ folder: string }>("stand-back");

/** The program that makes pauses between restarts grow. */
export const renderRestartPause = template<Record<string, never>>("restart-pause");

/** Folders under /run and keepalived's FIFO, created at each boot. */
export const renderVrrpTmpfiles = template<{
  fifo: string;
  user: string;
  directories: readonly { path: string; mode: string; owner: string; group: string }[];
}>("vrrp-tmpfiles.conf");

/** The watch that logs states and holders of virtual IPs, and its unit. */
export const renderVrrpWatch = template<Record<string, never>>("vrrp-watch");
export const renderVrrpWatchService = template<{
  user: string;
  fifo: string;
  folder: string;
  instances: readonly Pick<VrrpInstance, "name" | "interface" | "address">[];
}>("vrrp-watch.service");

/** The check of a broker's health, its unit and its timer. */
export const renderBrokerHealth = template<{
  program: string;
  /** `rabbitmqctl`, for clusters with quorum queues; otherwise empty. */
  control: string;
}>("broker-health");
export const renderBrokerHealthService = template<{ folder: string; restarts: boolean }>("broker-health.service");
export const renderBrokerHealthTimer = template<Record<string, never>>("broker-health.timer");

/** apache2: serves folder `root` at the path `url` (with slashes at both ends). */
export const renderApacheProducts = template<{ root: string; url: string }>("apache-products.conf");

export interface AgentServiceValues {
  readonly name: string;
  readonly summary: string;
  readonly user: string;
  /** Name of its bundle. */
  readonly program: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Its secret files, by name. */
  readonly credentials: readonly { readonly name: string; readonly file: string }[];
  /** Units of the same host to start after, separated by spaces; may be empty. */
  readonly after: string;
  /** Seconds without a watchdog notification until systemd kills it. */
  readonly watchdogSeconds: number;
  /** The program that signals its exit to keepalived; may be empty. */
  readonly standBack: string;
  /** Its program is run with `--after-end` when its process has ended. */
  readonly afterEnd: boolean;
  /** Folders outside its state that the agent writes to, separated by spaces; may be empty. */
  readonly writable: string;
  /** Seconds until systemd kills an agent that doesn't stop: longer than the agent's own deadline. */
  readonly stopSeconds: number;
}
export const renderAgentService = template<AgentServiceValues>("agent.service");

/** Drop-in of sshd: an account that is limited to SFTP below a folder of root's. */
export const renderDeliveryAccount = template<{ user: string; root: string; keys: string }>("sshd-delivery.conf");

/** The FTP server for deliveries: its config, its accounts, its unit. `certificateFile` is empty for a server without TLS. */
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

/** The unit of a subscriber: `queue`, `exchange` and `topic` of its messages, `folder` of its products. */
export const renderSubscriberService = template<{
  user: string;
  queue: string;
  exchange: string;
  topic: string;
  folder: string;
  environmentFile: string;
  caFile: string;
}>("subscriber.service");

/** The stack's own LDAP server: slapd's config, its entries, its unit. */
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
