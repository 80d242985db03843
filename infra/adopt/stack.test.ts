import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { UserError } from "../../agents/lib/errors.ts";
import { fixtureArtifacts } from "../model/fixture.ts";
import { buildModel } from "../model/index.ts";
import type { AdoptOptions, AskedHost } from "./asked.ts";
import { type Answering, notesConfig, notesDefinitions, notesKeepalived } from "./fixture.ts";
import { configOf, notesPair, notesPasswords, notesStack } from "./fixture-pair.ts";
import { stackFileText } from "./text.ts";

const refusal = (hosts: AskedHost[], more: Partial<AdoptOptions> = {}): string => {
  try {
    notesStack(hosts, more);
  } catch (error) {
    if (error instanceof UserError) return error.format();
    throw error;
  }
  return "";
};

describe("a stack adopted from the installation notes' brokers", () => {
  it("has all their settings and objects in the form of a stack file", () => {
    const { brokers, virtualIps, hosts } = configOf(notesStack());
    expect(brokers.bunny).toMatchObject({
      members: ["bunny1", "bunny2"],
      series: "3.10",
      virtualIp: "bunny-op",
      port: 5672,
      plainText: true,
      tls: false,
      firewall: false,
      management: { port: 15_672 },
      administrator: "root",
      standardObjects: false,
      partitionHandling: "ignore",
      loopbackUsers: ["guest"],
      ldap: { servers: ["ldap-dev.cmc.ec.gc.ca"], encryption: "none" },
      users: { root: { tags: ["administrator"] }, feeder: { ldap: false }, username: { ldap: true } },
      exchanges: [{ name: "cmc", type: "topic" }],
      queues: [{ name: "cmc.wxo", arguments: {}, bindings: [{ exchange: "cmc", key: "exp.dd.notify.#" }] }],
      policies: [{ name: "ha-all", pattern: "^cmc\\.", applyTo: "all", priority: 0, definition: { "ha-mode": "all" } }],
    });
    expect(virtualIps["bunny-op"]?.priorities).toEqual({ bunny1: 150, bunny2: 100 });
    expect(hosts.bunny1?.adopted?.["rabbitmq-server"]?.files["/etc/rabbitmq/rabbitmq.config"]?.content).toBe(
      notesConfig,
    );
  });

  it("keeps a file with a password among the secrets, and has no secret anywhere else", () => {
    const { values, secrets, unexpressed } = notesStack();
    expect(secrets.files.bunny1).toEqual({ "/etc/keepalived/keepalived.conf": notesKeepalived });
    expect(JSON.stringify([values, unexpressed])).not.toMatch(/bunop|feeder-password|COOKIEOFTHENOTES/);
  });

  it("deploys nothing new: the same files and units, and packages of any version", () => {
    const model = buildModel("old", configOf(notesStack()), fixtureArtifacts);
    const [bunny1] = model.hosts;
    expect(bunny1?.files.map(({ path }) => path)).toEqual([
      "/etc/rabbitmq/rabbitmq.config",
      "/etc/rabbitmq/enabled_plugins",
      "/etc/keepalived/keepalived.conf",
    ]);
    expect(bunny1?.files[0]).toMatchObject({ content: notesConfig, secret: false, keep: true });
    expect(bunny1?.files[2]).toMatchObject({ content: notesKeepalived, secret: true });
    expect(bunny1?.packages).toEqual([{ name: "rabbitmq-server" }, { name: "keepalived" }]);
    expect(bunny1?.units.map(({ name, onChange }) => `${name} ${onChange}`)).toEqual([
      "rabbitmq-server.service restart",
      "keepalived.service reload",
    ]);
    expect([bunny1?.accounts, bunny1?.directories, bunny1?.artifacts]).toEqual([[], [], []]);
    expect(model.clusters[0]).toMatchObject({ found: true, policies: [{ name: "ha-all" }] });
  });

  it("is written as a stack file with the same values, and a list of what it can't express", () => {
    const stack = notesStack();
    const text = stackFileText(stack, { stack: "old", date: "2026-11-24" });
    const { config } = parse(text) as { config: Record<string, unknown> };
    expect(
      Object.fromEntries(Object.entries(config).map(([key, value]) => [key.replace("warren:", ""), value])),
    ).toEqual(stack.values);
    expect(text).toContain("              content: |\n                [\n                {rabbit, [");
    expect(text).toMatch(/# {3}bunny1:\/etc\/keepalived\/keepalived.conf:1: `vip bunny-op/);
    expect(text).not.toContain("STACK");
  });
});

describe("what can't be adopted", () => {
  const cases: [string, () => string, RegExp][] = [
    [
      "a host without a broker",
      () => refusal(notesPair({ packages: [] })),
      /^142.135.12.57: is not a broker: .*not installed\n {2}remedy: /,
    ],
    [
      "a broker that is stopped",
      () => refusal(notesPair({ broker: "inactive enabled" })),
      /its broker is inactive.*\n {2}remedy: start it/,
    ],
    [
      "a broker of another series",
      () => refusal(notesPair({ packages: ["rabbitmq-server 3.3.5-1"] })),
      /its RabbitMQ is 3.3.5-1; expected 3.10 or 4.0/,
    ],
    [
      "a series on a release that ships another one",
      () => refusal(notesPair({ release: "trixie" })),
      /has RabbitMQ 3.10 on trixie; expected Debian bookworm/,
    ],
    [
      "a member that was not given",
      () => refusal(notesPair().slice(0, 1)),
      /the member rabbit@bunny2, which is not among the given hosts/,
    ],
    [
      "a broker without a management API",
      () => refusal(notesPair({ listeners: [] })),
      /rabbitmq-plugins enable rabbitmq_management/,
    ],
    [
      "an API on loopback only",
      () => refusal(notesPair({ listeners: [{ interface: "127.0.0.1", port: 15672, protocol: "http" }] })),
      /loopback only/,
    ],
    [
      "an administrator without a password",
      () => refusal(notesPair(), { passwords: {} }),
      /the password of root is needed/,
    ],
    [
      "a wrong password",
      () => refusal(notesPair(), { passwords: { ...notesPasswords, feeder: "something-else" } }),
      /feeder: the password does not match the broker's/,
    ],
    [
      "a password of an unknown user",
      () => refusal(notesPair(), { passwords: { ...notesPasswords, nobody: "something" } }),
      /nobody: no such user/,
    ],
    [
      "an invalid Erlang cookie",
      () => refusal(notesPair({ files: { "/var/lib/rabbitmq/.erlang.cookie": "short" } })),
      /expected 20 to 255 letters, digits/,
    ],
  ];
  it.each(cases)("is refused with the reason and a remedy: %s", (_, act, expected) => {
    expect(act()).toMatch(expected);
    expect(act()).toContain("remedy: ");
    expect(act()).not.toContain("something-else");
  });
});

describe("what a stack file can't express", () => {
  const listed = (
    more: Partial<typeof notesDefinitions> & object,
    rest: Partial<Answering> = {},
    change: Partial<AdoptOptions> = {},
  ) =>
    notesStack(notesPair({ definitions: { ...notesDefinitions, ...more }, ...rest }), change).unexpressed.map(
      ({ place, what }) => `${place}: ${what}`,
    );
  const user = notesDefinitions.users[1];

  it("is listed, object by object", () => {
    const all = listed(
      {
        users: [
          ...notesDefinitions.users,
          { ...user, name: "guest" },
          { ...user, name: "a@b" },
          { ...user, name: "odd", tags: ["x y"] },
        ] as never,
        vhosts: [...notesDefinitions.vhosts, { name: "test", limits: [] }],
        topic_permissions: [{ user: "feeder", vhost: "/", exchange: "cmc", write: "a", read: "b" }] as never,
        parameters: [{ vhost: "/", component: "shovel", name: "s", value: {} }] as never,
        policies: [
          ...notesDefinitions.policies,
          { ...notesDefinitions.policies[0], name: "nodes", definition: { "ha-params": ["a"] } },
        ] as never,
        exchanges: [
          ...notesDefinitions.exchanges,
          { ...notesDefinitions.exchanges[0], name: "gone", auto_delete: true },
        ] as never,
        queues: [...notesDefinitions.queues, { ...notesDefinitions.queues[0], name: "q_mine" }] as never,
        bindings: [
          {
            source: "cmc",
            vhost: "/",
            destination: "xpublic",
            destination_type: "exchange",
            routing_key: "",
            arguments: {},
          },
        ],
      },
      {},
      { queues: /^cmc\./, passwords: { ...notesPasswords, odd: "feeder-password" } },
    );
    expect(all.filter((line) => line.startsWith("cluster"))).toEqual([
      "cluster bunny: vhost test, with everything in it",
      "cluster bunny: topic permissions of feeder in vhost /",
      "cluster bunny: parameter shovel s",
      "cluster bunny: user guest: its password is not given, and can't be read back",
      "cluster bunny: user a@b: its password is not given, and can't be read back",
      "cluster bunny: user odd: tag x y can't be expressed in a stack file",
      expect.stringMatching(/^cluster bunny: exchange gone: a stack file supports only durable/),
      "cluster bunny: queue q_mine, with its bindings: excluded by --queues",
      "cluster bunny: binding of exchange cmc to exchange xpublic",
      expect.stringMatching(/^cluster bunny: policy nodes: /),
      "cluster bunny: administrator root has no permissions on vhost /",
    ]);
  });

  it("is listed with its place in a file: plugins, environment, differing files, a stopped service", () => {
    const all = listed(
      {},
      {
        keepalived: "inactive disabled",
        files: {
          "/etc/rabbitmq/enabled_plugins": "[rabbitmq_management,rabbitmq_shovel].\n",
          "/etc/rabbitmq/rabbitmq-env.conf": "# comment\nNODENAME=rabbit\n",
        },
      },
    );
    expect(all).toContain("bunny1:/etc/rabbitmq/enabled_plugins: plugin rabbitmq_shovel");
    expect(all).toContain("bunny1:/etc/rabbitmq/rabbitmq-env.conf:2: NODENAME");
    expect(all).toContain("bunny1:/etc/keepalived/keepalived.conf: keepalived is inactive, disabled");
  });
});
