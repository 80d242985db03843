import { describe, expect, it } from "vitest";
import { fixtureModel } from "../model/fixture.ts";
import type { ClusterModel } from "../model/types.ts";
import type { ObservedObjects } from "./broker-answer.ts";
import { agentQueueDrift, objectDrift, unmanagedObjects } from "./broker-drift.ts";
import { healthyObjects } from "./fixture.ts";

const [fixture] = fixtureModel().clusters as [ClusterModel];
const cluster: ClusterModel = {
  ...fixture,
  users: [...fixture.users, { name: "of-ldap", tags: ["monitoring"] }],
  operatorPolicies: [
    { name: "clients", pattern: "^q_", applyTo: "queues", priority: 0, definition: { "max-length-bytes": 1000 } },
  ],
  exchangeBindings: [{ source: "cmc", destination: "xpublic", key: "v03.#" }],
  queues: [
    {
      name: "cmc.own",
      arguments: { "x-queue-type": "classic", "x-max-length": 10 },
      bindings: [{ exchange: "cmc", key: "v00.own.#" }],
    },
  ],
};
const sound = healthyObjects(cluster);

type Change = (found: ObservedObjects) => Partial<ObservedObjects>;
const without =
  <Key extends keyof ObservedObjects>(key: Key, name: string): Change =>
  (found) => ({ [key]: (found[key] as readonly { name: string }[]).filter((one) => one.name !== name) });
const change =
  <Key extends keyof ObservedObjects>(key: Key, name: string, by: object): Change =>
  (found) => ({
    [key]: (found[key] as readonly { name?: string; user?: string }[]).map((one) =>
      one.name === name || one.user === name ? { ...one, ...by } : one,
    ),
  });
const sees = (by: Change) => {
  const found = { ...sound, ...by(sound) };
  return [...objectDrift(cluster, found), ...agentQueueDrift(cluster, found)].map(
    ({ thing, difference }) => `${thing}: ${difference}`,
  );
};

describe("objects of a cluster", () => {
  it("have no drift if they match the model", () => {
    expect(sees(() => ({}))).toEqual([]);
    expect(unmanagedObjects(cluster, sound)).toEqual([]);
  });

  it.each<[string, Change, string[]]>([
    ["a user gone", without("users", "feeder"), ["user feeder: is gone"]],
    [
      "tags",
      change("users", "feeder", { tags: ["management", "policymaker"] }),
      ["user feeder: tags [management, policymaker] instead of []"],
    ],
    [
      "a password",
      change("users", "feeder", { passwordHash: "24xU3n6SkypzHyr/Usi5TZ6KFE/O8951tn1NkLnrEndgVHr0" }),
      ["user feeder: the password differs"],
    ],
    ["a removed password", change("users", "feeder", { passwordHash: "" }), ["user feeder: the password differs"]],
    [
      "a password of an LDAP user",
      change("users", "of-ldap", { passwordHash: "24xU3n6SkypzHyr/Usi5TZ6KFE/O8951tn1NkLnrEndgVHr0" }),
      ["user of-ldap: has a password but should have none"],
    ],
    [
      "permissions",
      change("permissions", "feeder", { write: "^$" }),
      ['permissions of feeder: write "^$" instead of ".*"'],
    ],
    [
      "permissions gone",
      (found) => ({ permissions: found.permissions.filter((one) => one.user !== "anonymous") }),
      ["permissions of anonymous: are gone"],
    ],
    ["an exchange gone", without("exchanges", "xpublic"), ["exchange xpublic: is gone"]],
    [
      "an exchange of another type",
      change("exchanges", "cmc", { type: "fanout" }),
      ["exchange cmc: type fanout instead of topic"],
    ],
    ["a transient exchange", change("exchanges", "cmc", { durable: false }), ["exchange cmc: is not durable"]],
    ["a policy gone", without("policies", "ha-all"), ["policy ha-all: is gone"]],
    [
      "a policy",
      change("policies", "ha-all", { pattern: "^cmc", priority: 3, applyTo: "all" }),
      [
        "policy ha-all: pattern ^cmc instead of ^cmc\\.",
        "policy ha-all: applies to all instead of queues",
        "policy ha-all: priority 3 instead of 0",
      ],
    ],
    [
      "a policy's definition",
      change("policies", "ha-all", { definition: { "ha-sync-mode": "manual", "ha-mode": "all" } }),
      [
        'policy ha-all: definition {"ha-mode":"all","ha-sync-mode":"manual"} instead of {"ha-mode":"all","ha-sync-mode":"automatic"}',
      ],
    ],
    ["an operator policy gone", without("operatorPolicies", "clients"), ["operator policy clients: is gone"]],
    [
      "an operator policy's definition",
      change("operatorPolicies", "clients", { definition: {} }),
      ['operator policy clients: definition {} instead of {"max-length-bytes":1000}'],
    ],
    ["a queue gone", without("queues", "cmc.own"), ["queue cmc.own: is gone"]],
    [
      "a queue with other arguments",
      change("queues", "cmc.own", { arguments: { "x-queue-type": "classic", "x-max-length": 20, "x-expires": 1 } }),
      ["queue cmc.own: x-max-length 20 instead of 10"],
    ],
    [
      "a binding gone",
      (found) => ({ bindings: found.bindings.filter((one) => one.key !== "v00.own.#") }),
      ["binding of cmc.own to cmc: key v00.own.# is gone"],
    ],
    [
      "a binding of an exchange gone",
      () => ({ exchangeBindings: [] }),
      ["binding of exchange xpublic to cmc: key v03.# is gone"],
    ],
    [
      "a binding of the agents gone",
      (found) => ({ bindings: found.bindings.filter((one) => one.key !== "v00.urp.input.#") }),
      ["binding of cmc.urp.input to cmc: key v00.urp.input.# is gone"],
    ],
    ["a queue of the agents gone", without("queues", "cmc.urp.pull"), ["queue cmc.urp.pull: is gone"]],
    [
      "an exchange of the same name in another virtual host, which doesn't count",
      change("exchanges", "cmc", { vhost: "/other" }),
      ["exchange cmc: is gone"],
    ],
  ])("are compared: %s", (_, by, expected) => {
    expect(sees(by)).toEqual(expected);
  });

  it("are not missing before the first agent has run", () => {
    const first = { ...sound, queues: [], bindings: [] };
    expect(agentQueueDrift(cluster, first)).toEqual([]);
  });

  it.each<[string, Change, string[]]>([
    [
      "users",
      (found) => ({
        users: [
          ...found.users,
          { name: "eve", passwordHash: "", hashingAlgorithm: "", tags: ["administrator"], limits: {} },
        ],
      }),
      ["user eve [administrator]"],
    ],
    [
      "permissions of a user who should have none",
      (found) => ({
        permissions: [...found.permissions, { user: "guest", vhost: "/", configure: "", write: "", read: ".*" }],
      }),
      ["permissions of guest on /"],
    ],
    [
      "policies, including those of other virtual hosts",
      (found) => ({
        policies: [
          { name: "x", vhost: "/", pattern: "^x", applyTo: "all", priority: 0, definition: {} },
          { name: "ha-all", vhost: "/other", pattern: ".*", applyTo: "queues", priority: 0, definition: {} },
          ...found.policies,
        ],
      }),
      ["policy x on all ^x", "policy ha-all on queues .* in /other"],
    ],
    [
      "only queues whose names begin with cmc.",
      (found) => ({
        queues: [
          ...found.queues,
          { name: "cmc.by.hand", vhost: "/", arguments: {} },
          { name: "cmc.urp.ledger.gone", vhost: "/", arguments: {} },
          { name: "somebody", vhost: "/", arguments: {} },
        ],
      }),
      [
        "queue cmc.by.hand",
        "queue cmc.urp.ledger.gone (unused: gone has no dispatcher in this stack; delete it: rabbitmqctl delete_queue cmc.urp.ledger.gone)",
      ],
    ],
  ])("are listed if they are not managed: %s", (_, by, expected) => {
    const found = { ...sound, ...by(sound) };
    expect(unmanagedObjects(cluster, found)).toEqual(expected);
    expect(objectDrift(cluster, found)).toEqual([]);
  });

  it("are reported without passwords and hashes", () => {
    const texts = sees(change("users", "feeder", { passwordHash: "24xU3n6SkypzHyr/Usi5TZ6KFE/O8951tn1NkLnrEndgVHr0" }));
    expect(texts.join()).not.toMatch(/of-the-tests|24xU3n6S/);
  });
});
