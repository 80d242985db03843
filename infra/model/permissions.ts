/** Regular expressions of one user on a vhost: what it may configure, write, read. */
export interface Permissions {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

/** What both settings give a feeder. */
const all: Permissions = { configure: ".*", write: ".*", read: ".*" };

/**
 * The two settings. `compatible` is the old text to the letter: its expressions are not anchored at the end, so
 * anonymous may publish to, and delete, the exchange `cmc` and every queue whose name begins so. `safe` lets anonymous
 * read what is public and have queues of its own (`q_anonymous…`, server-named ones), and nothing more.
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

export const permissionsOf = (setting: keyof typeof settings) => settings[setting];
