import { describe, expect, it } from "vitest";
import { parseStackConfig } from "../config/index.ts";
import { clusterModels } from "./cluster.ts";
import { stackValues } from "./fixture.ts";
import { ownPermissions, permissionsOf } from "./permissions.ts";

type User = "anonymous" | "feeder";
type Action = "configure" | "write" | "read";

/** As in RabbitMQ, an expression may match anywhere in the name. */
const allowed = (setting: "safe" | "compatible", user: User, action: Action, name: string): boolean =>
  new RegExp(permissionsOf(setting)[user][action]).test(name);

describe("permissions: compatible", () => {
  it("are the old expressions, byte for byte", () => {
    expect(permissionsOf("compatible")).toEqual({
      anonymous: {
        configure: "^xpublic|^amq.gen.*$|^cmc.*$",
        write: "^amq.gen.*$|^cmc.*$",
        read: "^xpublic|^amq.gen.*$|^cmc.*$",
      },
      feeder: { configure: ".*", write: ".*", read: ".*" },
    });
  });

  it("allow anonymous to delete and publish to shared objects, as before", () => {
    for (const action of ["configure", "write"] as const) {
      expect(allowed("compatible", "anonymous", action, "cmc")).toBe(true);
      expect(allowed("compatible", "anonymous", action, "cmc.urp.input")).toBe(true);
    }
  });
});

describe("a user's own permissions", () => {
  it("are three expressions, or one word for the old ones or for everything", () => {
    const { anonymous, feeder } = permissionsOf("compatible");
    expect(ownPermissions("compatible")).toEqual(anonymous);
    expect(ownPermissions("all")).toEqual(feeder);
    const own = { configure: "^a$", write: "^b$", read: "^c$" };
    expect(ownPermissions(own)).toBe(own);
  });

  it("may be the old expressions for an LDAP user with `permissions: compatible`, whatever anonymous has", () => {
    const values = stackValues("lab");
    const brokers = values.brokers as Record<string, Record<string, unknown>>;
    Object.assign(brokers.bunny ?? {}, {
      permissions: "safe",
      users: { peter: { ldap: true, permissions: "compatible" } },
    });
    const [cluster] = clusterModels(parseStackConfig(values, "lab"));
    const of = (name: string) => cluster?.users.find((user) => user.name === name);
    expect(of("peter")).toEqual({ name: "peter", tags: [], permissions: permissionsOf("compatible").anonymous });
    expect(of("anonymous")?.permissions).toEqual(permissionsOf("safe").anonymous);
  });
});

describe("permissions: safe", () => {
  const rows: [User, Action, string, boolean][] = [
    ["anonymous", "read", "xpublic", true],
    ["anonymous", "read", "cmc", true],
    ["anonymous", "read", "q_anonymous.sr_subscribe.x", true],
    ["anonymous", "read", "amq.gen-JzTY20BRgKO", true],
    ["anonymous", "read", "cmc.urp.pull", false],
    ["anonymous", "read", "cmc.urp.input", false],
    ["anonymous", "read", "xpublic2", false],
    ["anonymous", "read", "xcmc", false],
    ["anonymous", "configure", "q_anonymous.sr_subscribe.x", true],
    ["anonymous", "configure", "amq.gen-JzTY20BRgKO", true],
    ["anonymous", "configure", "cmc", false],
    ["anonymous", "configure", "xpublic", false],
    ["anonymous", "configure", "cmc.urp.pull", false],
    ["anonymous", "configure", "amqXgen-JzTY20BRgKO", false],
    ["anonymous", "configure", "my.q_anonymous", false],
    ["anonymous", "write", "q_anonymous.sr_subscribe.x", true],
    ["anonymous", "write", "amq.gen-JzTY20BRgKO", true],
    ["anonymous", "write", "cmc", false],
    ["anonymous", "write", "xpublic", false],
    ["anonymous", "write", "cmc.urp.input", false],
    // The name under which the broker checks the default exchange, which publishes to any queue.
    ["anonymous", "write", "amq.default", false],
    ["feeder", "configure", "cmc.urp.input", true],
    ["feeder", "write", "cmc", true],
    ["feeder", "read", "cmc.urp.pull", true],
    // Server-named queues, bound to the exchange, for messages between pullers.
    ["feeder", "configure", "amq.gen-JzTY20BRgKO", true],
    ["feeder", "write", "amq.gen-JzTY20BRgKO", true],
    ["feeder", "read", "amq.gen-JzTY20BRgKO", true],
    ["feeder", "read", "cmc", true],
  ];
  it.each(rows)("%s may %s %s: %s", (user, action, name, expected) => {
    expect(allowed("safe", user, action, name)).toBe(expected);
  });
});

describe("what anonymous may bind to the exchange of the radar path", () => {
  const rows: [string, boolean][] = [
    ["v00.urp.notify.#", true],
    ["v00.urp.notify.XSS.24_HR_ACCUM", true],
    ["v00.urp.notify", true],
    ["v02.post.#", true],
    ["v00x.#", true],
    ["#", false],
    ["*.urp.#", false],
    ["#.notify.#", false],
    ["v00.#", false],
    ["v00.urp.input.#", false],
    ["v00.*.notify.#", false],
    ["v00.urp.notifying.#", false],
    ["v00.urp.peers", false],
  ];
  const values = stackValues("lab");
  const brokers = values.brokers as Record<string, object>;
  const safe = { ...values, brokers: { ...brokers, bunny: { ...brokers.bunny, permissions: "safe" } } };
  const topicsOf = (stack: Record<string, unknown>, cluster: string) =>
    clusterModels(parseStackConfig(stack, "lab"))
      .find(({ name }) => name === cluster)
      ?.users.find(({ name }) => name === "anonymous")?.topicPermissions;

  it.each(rows)("%s: %s", (key, expected) => {
    const [topics] = topicsOf(safe, "bunny") ?? [];
    expect(topics).toMatchObject({ exchange: "cmc", write: "^$" });
    expect(new RegExp(topics?.read ?? "").test(key)).toBe(expected);
  });

  it("is anything with the old permissions, on a public data server, and with permissions of the stack's own", () => {
    expect(topicsOf(values, "bunny")).toBeUndefined();
    expect(topicsOf(safe, "wxo-b1")).toBeUndefined();
    const own = { anonymous: { permissions: { configure: "^$", write: "^$", read: "^cmc$" } } };
    const bunny = { ...brokers.bunny, permissions: "safe", users: own };
    expect(topicsOf({ ...values, brokers: { ...brokers, bunny } }, "bunny")).toBeUndefined();
  });
});
