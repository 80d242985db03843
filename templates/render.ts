import { readFileSync } from "node:fs";
import handlebars from "handlebars";

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

export interface RabbitmqConfValues {
  readonly port: number;
  readonly managementPort: number;
  readonly clusterName: string;
  readonly clustered: boolean;
  /** Numbered from 1, in the order of the config. */
  readonly members: readonly { number: number; name: string }[];
  readonly partitionHandling: string;
}
export const renderRabbitmqConf = template<RabbitmqConfValues>("rabbitmq.conf");

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
}
/** keepalived's configuration of one host; `port` is the broker's on this host. */
export const renderKeepalivedConf = template<{ host: string; port: number; instances: readonly VrrpInstance[] }>(
  "keepalived.conf",
);

/** The AMQP handshake check that keepalived runs. */
export const renderAmqpCheck = template<Record<string, never>>("amqp-check");

/** apache2: folder `root` under the path `url` (with slashes at both ends). */
export const renderApacheProducts = template<{ root: string; url: string }>("apache-products.conf");

export interface AgentServiceValues {
  readonly name: string;
  readonly summary: string;
  readonly user: string;
  /** Units of the same host to start after, separated by spaces; may be empty. */
  readonly after: string;
  /** Folders outside its state that the agent writes, separated by spaces; may be empty. */
  readonly writable: string;
  /** Seconds until systemd kills what doesn't stop: longer than the agent's own deadline. */
  readonly stopSeconds: number;
}
export const renderAgentService = template<AgentServiceValues>("agent.service");
