import { createHash, createHmac } from "node:crypto";
import { renderEnabledPlugins } from "../../templates/render.ts";
import { temporary } from "../commands/files.ts";
import { adoptCookie, requireCookie } from "../commands/rabbitmq.ts";
import type { BrokerConfig } from "../config/brokers.ts";
import { passwordOf, type StackConfig } from "../config/index.ts";
import { traitsOf } from "../config/series.ts";
import { brokerConfigFiles } from "./broker-files.ts";
import { definitionsFile, nodeTimeoutMsOf } from "./broker-settings.ts";
import { brokerDropIn } from "./broker-unit.ts";
import { carrierOf } from "./dispatchers.ts";
import { json, rootFile } from "./files.ts";
import { brokerMetricsPort } from "./monitored.ts";
import { isMonitored } from "./monitored-hosts.ts";
import { brokerPackage, brokerUnit, pluginsFile } from "./names.ts";
import type { HostPart, PartContext } from "./part.ts";
import { mayHoldAddress } from "./virtual-ips.ts";

/** Debian's package would create this account. It is created before, because the cookie must exist at the first start. */
const account = { name: "rabbitmq", home: "/var/lib/rabbitmq" };
const cookieFile = "/var/lib/rabbitmq/.erlang.cookie";
const ownedByBroker = { owner: "rabbitmq", group: "rabbitmq" };

/** The broker node of a member host: first cookie, configuration and plugins, then the package, which starts it. */
export function rabbitmqPart({ config, host }: PartContext): HostPart {
  const found = Object.entries(config.brokers).find(([, broker]) => broker.members.includes(host));
  if (!found) return {};
  const [clusterName, broker] = found;
  const monitored = isMonitored(config, host);
  const previous = broker.members[broker.members.indexOf(host) - 1];
  // A running node gets a new cookie without a restart, so it is not among the unit's files.
  const cookie = rootFile(cookieFile, config.secrets.erlangCookie, {
    ...ownedByBroker,
    mode: "0400",
    secret: true,
    beforeRenewal: adoptCookie(brokerUnit, temporary(cookieFile)),
    afterRenewal: requireCookie(brokerUnit),
  });
  const files = [
    ...brokerConfigFiles(
      clusterName,
      broker,
      nodeTimeoutMsOf(config.virtualIps, broker),
      monitored ? brokerMetricsPort : undefined,
    ),
    // The package assigns this file to the broker's account, with which rabbitmq-plugins writes it.
    rootFile(
      pluginsFile,
      renderEnabledPlugins(pluginsOf(broker, carrierOf(config) === clusterName, monitored)),
      ownedByBroker,
    ),
    rootFile(definitionsFile, json(bootstrapDefinitions(config, clusterName, broker)), {
      ...ownedByBroker,
      mode: "0600",
      secret: true,
    }),
    brokerDropIn(broker, mayHoldAddress(config, host)),
  ];
  return {
    accounts: [account],
    directories: [
      { path: "/var/lib/rabbitmq", ...ownedByBroker, mode: "0750" },
      // As in the package, because rabbitmq-plugins writes there.
      { path: "/etc/rabbitmq", ...ownedByBroker, mode: "0755" },
    ],
    files: [cookie, ...files],
    packages: [{ name: brokerPackage, series: traitsOf(broker.series).packageVersion }],
    units: [
      {
        name: brokerUnit,
        onChange: "restart",
        reads: files.map((file) => file.path),
        // A broker restarts only after the previous one is up again.
        after: previous ? [`${previous} ${brokerUnit}`] : [],
        afterBroker: false,
        packaged: true,
      },
    ],
  };
}

/** In alphabetical order, as rabbitmq-plugins writes them, so that a temporarily enabled plugin leaves no difference. */
const pluginsOf = (broker: BrokerConfig, carries: boolean, monitored: boolean): string[] => [
  ...(broker.ldap ? ["rabbitmq_auth_backend_ldap"] : []),
  "rabbitmq_management",
  ...(broker.mqtt ? ["rabbitmq_mqtt"] : []),
  ...(monitored ? ["rabbitmq_prometheus"] : []),
  ...(carries ? ["rabbitmq_shovel"] : []),
  ...(broker.mqtt?.webPort === undefined ? [] : ["rabbitmq_web_mqtt"]),
];

/**
 * RabbitMQ's own format: base64(salt4 || sha256(salt4 || password)). The salt is derived from password and name, so that the same password always
 * gives the same text and an unchanged password is no change.
 */
export function hashPassword(user: string, password: string): string {
  const salt = createHmac("sha256", password).update(user).digest().subarray(0, 4);
  const digest = createHash("sha256").update(salt).update(password).digest();
  return Buffer.concat([salt, digest]).toString("base64");
}

/** Only the administrator: everything else is created through the management API, where changes can be observed. */
function bootstrapDefinitions(config: StackConfig, cluster: string, { administrator }: BrokerConfig): unknown {
  return {
    vhosts: [{ name: "/" }],
    users: [
      {
        name: administrator,
        password_hash: hashPassword(administrator, passwordOf(config, administrator, cluster)),
        hashing_algorithm: "rabbit_password_hashing_sha256",
        tags: ["administrator"],
      },
    ],
    permissions: [{ user: administrator, vhost: "/", configure: ".*", write: ".*", read: ".*" }],
  };
}
