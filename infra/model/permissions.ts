import { announcedTopicDefault, markerTopicDefault, peersTopicDefault } from "../../agents/lib/dispatch-topics.ts";
import type { StackConfig } from "../config/index.ts";
import { sharedTopics } from "./agent-queues.ts";
import { dispatchingClusters } from "./dispatchers.ts";
import type { UserModel } from "./types.ts";

/** Regular expressions of one user on a vhost: what it may configure, write, read. */
export interface Permissions {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

/** The feeder's permissions in both settings, and those that RabbitMQ gives to its default user. */
const all: Permissions = { configure: ".*", write: ".*", read: ".*" };

/**
 * The two settings. `compatible` has the old expressions unchanged: they are not anchored at the end, so anonymous may publish to, and delete, the
 * exchange `cmc` and every queue whose name starts with it. `safe` allows anonymous only to read public objects and to have its own queues
 * (`q_anonymous…`, server-named ones).
 */
const settings: Readonly<Record<"safe" | "compatible", { anonymous: Permissions; feeder: Permissions }>> = {
  compatible: {
    anonymous: {
      configure: "^xpublic|^amq.gen.*$|^cmc.*$",
      write: "^amq.gen.*$|^cmc.*$",
      read: "^xpublic|^amq.gen.*$|^cmc.*$",
    },
    feeder: all,
  },
  safe: {
    anonymous: {
      configure: "^(amq\\.gen-.*|q_anonymous.*)$",
      write: "^(amq\\.gen-.*|q_anonymous.*)$",
      read: "^(xpublic|cmc|amq\\.gen-.*|q_anonymous.*)$",
    },
    feeder: all,
  },
};

/**
 * What anonymous may bind to the exchange of the radar path with `permissions: safe`: the dispatched announcements and other clients' topics, not
 * those between agents, which are six more messages for each product. So it can't use a key that begins with a wildcard, such as `#`, either.
 */
export function anonymousTopics(config: StackConfig, cluster: string): Pick<UserModel, "topicPermissions"> {
  if (!dispatchingClusters(config).includes(cluster)) return {};
  const { exchange, inputTopic, notifyTopic } = config.announcements;
  const between = [
    ...[inputTopic, notifyTopic, ...Object.values(sharedTopics)],
    ...[announcedTopicDefault, peersTopicDefault, markerTopicDefault],
  ];
  const firstWords = new Set(between.map((topic) => literally(topic.split(".")[0] ?? "")));
  const read = `^(${literally(notifyTopic)}(\\.|$)|(?!(${[...firstWords].join("|")}|\\*|#)(\\.|$)))`;
  return { topicPermissions: [{ exchange, write: "^$", read }] };
}

/**
 * An MQTT client has one queue for each quality of service, named after it. The user can subscribe to WIS2's notifications and monitoring events, and
 * publish nothing. Topic filters are compared as binding keys, with a dot for each slash.
 */
export const mqttRights = (exchange: string) => ({
  permissions: {
    configure: mqttQueues,
    write: mqttQueues,
    read: `^(${literally(exchange)}|mqtt-subscription-.*qos[01])$`,
  },
  topicPermissions: [{ exchange, write: "^$", read: "^(origin|monitor)\\.a\\.wis2\\." }],
});

const mqttQueues = "^mqtt-subscription-.*qos[01]$";

/** A name as part of an expression that matches it literally, in JavaScript and in RabbitMQ (PCRE). */
export const literally = (name: string): string => name.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

/** Any name but these. RabbitMQ removes line ends from names, so `.` and `$` are sufficient. */
function allBut(names: readonly string[], alsoBut = ""): string {
  return `^(?!${alsoBut}(${names.map(literally).join("|")})$).*$`;
}

/**
 * What the queue manager needs: to unbind, rebind and delete any queue that the stack doesn't know. Unbinding needs read on the exchange,
 * whatever it is called: clients may have their own. It can't write to RabbitMQ's own exchanges, so not to a queue by the default one either.
 */
export function queueManagerPermissions(exchanges: readonly string[], queues: readonly string[]): Permissions {
  const others = allBut([...exchanges, ...queues], "amq\\.(?!gen-)|");
  return { configure: others, write: others, read: allBut(queues) };
}

/** A user's own permissions: three expressions, or a word for some. */
export function ownPermissions(own: Permissions | "compatible" | "all"): Permissions {
  if (own === "all") return all;
  return own === "compatible" ? settings.compatible.anonymous : own;
}

export const permissionsOf = (setting: keyof typeof settings) => settings[setting];
