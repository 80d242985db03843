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

/** A user's own permissions: three expressions, or a word for some. */
export function ownPermissions(own: Permissions | "compatible" | "all"): Permissions {
  if (own === "all") return all;
  return own === "compatible" ? settings.compatible.anonymous : own;
}

export const permissionsOf = (setting: keyof typeof settings) => settings[setting];
