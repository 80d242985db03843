import type { BrokerConfig } from "../config/brokers.ts";
import { type DatamartConfig, datamartSchema } from "../config/datamart.ts";
import type { StackConfig } from "../config/index.ts";
import { ldapSchema } from "../config/ldap.ts";
import { bridgesSchema } from "../config/message-agents.ts";
import { fixtureConfig } from "../model/fixture.ts";
import type { Past } from "./past.ts";

/** A stack that is given to a rule. */
export interface Case {
  /** What is special about it. */
  readonly on: string;
  readonly config: StackConfig;
  readonly past?: Partial<Past>;
}

/** Stacks on which the rule fires, and similar ones on which it does not. */
export interface RuleCases {
  readonly rule: string;
  readonly fires: readonly Case[];
  readonly quiet: readonly Case[];
}

type VirtualIp = StackConfig["virtualIps"][string];

const op = fixtureConfig("op");
const { ldap: _, ...opBroker } = op.brokers.bunny as BrokerConfig;
const opVip = op.virtualIps["bunny-op"] as VirtualIp;

/** With a receiver of alerts, and a second place that watches the monitors. */
function notified(config: StackConfig): Pick<StackConfig, "secrets"> {
  const monitor = { webhookUrl: "http://alerts.example.org/", deadManUrl: "http://second.example.org/" };
  return { secrets: { ...config.secrets, monitor } };
}

/** The radar path of stack op, hardened so that no rule finds anything, not even a note. */
export const sound: StackConfig = {
  ...op,
  datamarts: {},
  receivers: {},
  ...notified(op),
  brokers: {
    bunny: {
      ...opBroker,
      plainText: false,
      tls: true,
      management: { ...opBroker.management, from: ["142.135.12.0/24"] },
    },
  },
};
const bunny = sound.brokers.bunny as BrokerConfig;

export const broker = (change: Partial<BrokerConfig>): StackConfig => ({
  ...sound,
  brokers: { bunny: { ...bunny, ...change } },
});
export const vip = (change: Partial<VirtualIp>): StackConfig => ({
  ...sound,
  virtualIps: { "bunny-op": { ...opVip, ...change } },
});
/** With a second virtual IP that differs from the first in its address and in `change`. */
export const secondVip = (change: Partial<VirtualIp>): StackConfig => ({
  ...sound,
  virtualIps: { "bunny-op": opVip, other: { ...opVip, address: "142.135.12.60", ...change } },
});
export const announcements = (change: Partial<StackConfig["announcements"]>): StackConfig => ({
  ...sound,
  announcements: { ...sound.announcements, ...change },
});

/** The same stack on Debian 13, with quorum queues. */
export function trixie(members: number, change: Partial<BrokerConfig> = {}): StackConfig {
  const names = ["bunny1", "bunny2", "bunny3"].slice(0, members);
  const host = (index: number) => ({
    ...op.hosts["bunny1-op"],
    address: `142.135.12.${57 + index * 10}`,
    release: "trixie",
  });
  const hosts = { ...op.hosts, ...Object.fromEntries(names.map((name, index) => [name, host(index)])) };
  const made = broker({ members: names, series: "4.0", ...change });
  return { ...made, hosts: hosts as StackConfig["hosts"] };
}

/** With these receivers of alerts, and this many monitors. */
export const monitored = (monitor: StackConfig["secrets"]["monitor"], monitors = 1): StackConfig => ({
  ...sound,
  hosts: Object.fromEntries(Object.entries(sound.hosts).filter(([name]) => monitors > 0 || name !== "monitor-1")),
  secrets: { ...sound.secrets, monitor },
});

/** With a mirror of the packages of RabbitMQ's team. */
export const withTeamSource = (config: StackConfig): StackConfig => ({
  ...config,
  apt: { sources: { rabbitmq: { url: "http://mirror.example.org/rabbitmq", components: ["main"], key: "" } } },
});

export function withRelease(config: StackConfig, host: string, release: "bookworm" | "trixie"): StackConfig {
  const found = config.hosts[host];
  if (!found) throw new TypeError(`no host ${host}`);
  return { ...config, hosts: { ...config.hosts, [host]: { ...found, release } } };
}

type Policy = BrokerConfig["policies"][number];
const policy = (change: Partial<Policy>): Policy => ({
  name: "clients",
  pattern: "^q_",
  applyTo: "queues",
  priority: 0,
  definition: {},
  ...change,
});
export const policies = (...changes: Partial<Policy>[]): Policy[] => changes.map(policy);
export const user = (name: string, change: Partial<BrokerConfig["users"][string]>): StackConfig =>
  broker({ users: { [name]: { tags: [], ldap: false, ...change } } });
export const permissions = (configure: string, write = "", read = "") => ({ permissions: { configure, write, read } });
/** With a password for a user beside the standard ones. */
export const withPassword = (name: string, config: StackConfig): StackConfig => ({
  ...config,
  secrets: { ...config.secrets, passwords: { ...config.secrets.passwords, [name]: "of-the-tests-alone" } },
});
/** With LDAP servers; other keys have the schema's defaults unless given. */
export const ldap = (given: Record<string, unknown>): StackConfig =>
  broker({
    ldap: ldapSchema.parse({
      servers: ["ldap-1"],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: RabbitMQ's own syntax
      userDnPattern: "uid=${username},ou=People,dc=ec,dc=gc,dc=ca",
      ...given,
    }),
  });

/** With a public data server on the sound broker, and a bridge there from v03 on `xpublic`, otherwise than that in `from`, to exp on `cmc`. */
export function bridged(from: { readonly exchange?: string }, formats?: DatamartConfig["formats"]): StackConfig {
  const datamart = { ...datamartSchema.parse({ broker: "bunny" }), ...(formats ? { formats } : {}) };
  const bridges = bridgesSchema.parse({
    posts: {
      ...{ hosts: ["bunny1-op"], broker: "bunny" },
      from: { format: "v03", exchange: "xpublic", topicPrefix: "v03", ...from },
      to: [{ format: "exp", exchange: "cmc", topicPrefix: "exp.dd.notify" }],
    },
  });
  return withPassword("queue-manager", { ...sound, datamart, bridges });
}

/** With a bridge from v03 of the sources to WIS2, and one topic. */
export function toWis(topic: string): StackConfig {
  const bridges = bridgesSchema.parse({
    wis: {
      hosts: ["bunny1-op"],
      broker: "bunny",
      from: { format: "v03", exchange: "xs_sr3", topicPrefix: "v03" },
      to: [{ format: "wis", exchange: "xpublic", centre: "ca-eccc-msc", topics: [{ topic }] }],
    },
  });
  return { ...sound, bridges };
}

const radarTopic = "weather/surface-based-observations/weather-radar";

/** With a public data server whose watched trees (citypage_weather, marine_weather) have a WIS2 topic, and a bridge from this topic prefix to WIS2. */
export function toWisBesides(topicPrefix: string, topic = radarTopic): StackConfig {
  const rules = { centre: "ca-eccc-msc", topics: [{ topic }] };
  const bridges = bridgesSchema.parse({
    wis: {
      ...{ hosts: ["bunny1-op"], broker: "bunny" },
      from: { format: "v03", exchange: "xpublic", topicPrefix },
      to: [{ format: "wis", exchange: "xpublic", ...rules, topics: [{ topic: radarTopic }] }],
    },
  });
  return withPassword("queue-manager", {
    ...sound,
    datamart: datamartSchema.parse({ broker: "bunny", wis: rules }),
    bridges,
  });
}
