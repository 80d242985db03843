import { describe, expect, it } from "vitest";
import { parseStackConfig } from "../config/index.ts";
import { clusterModels } from "./cluster.ts";
import { contentOf, fixtureConfig, hostOf, stackValues } from "./fixture.ts";
import { firewallRules } from "./names.ts";

// biome-ignore lint/suspicious/noExplicitAny: the tests change it
const changed = (change: (bunny: Record<string, any>) => void) => {
  const values = stackValues("lab");
  change((values.brokers as Record<string, Record<string, unknown>>).bunny ?? {});
  return parseStackConfig(values, "lab");
};
const bunnyOf = (config: ReturnType<typeof changed>) => {
  const cluster = clusterModels(config).find(({ name }) => name === "bunny");
  if (!cluster) throw new TypeError("no cluster bunny");
  return cluster;
};

const withSecret = (secrets: { readonly passwords?: object }) => ({
  ...secrets,
  passwords: { ...secrets.passwords, everyone: "password-of-the-tests" },
});

describe("the limits for outsiders", () => {
  it.each(["lab", "lab4", "op"])("of stack %s apply to no queue and no user of the agents", (stack) => {
    const config = fixtureConfig(stack);
    for (const cluster of clusterModels(config)) {
      const { outsiders } = config.brokers[cluster.name] ?? {};
      if (!outsiders) throw new TypeError("limits are the default");
      const [policy] = cluster.operatorPolicies;
      const own = [...cluster.agentQueues, ...cluster.queues].map(({ name }) => name);
      expect(own.filter((name) => new RegExp(policy?.pattern ?? "").test(name))).toEqual([]);
      expect(cluster.limits?.queuesMax).toBeGreaterThanOrEqual(outsiders.queuesMax + own.length);
      const limited = cluster.limits?.users.flatMap(({ name, limits }) => (limits ? [name] : []));
      expect(limited).toContain("anonymous");
      for (const name of [config.announcements.user, cluster.administrator.name, "queue-manager"]) {
        expect(limited).not.toContain(name);
      }
    }
  });

  it("apply to the config's own users, but not to the agents' user under another setting", () => {
    const { limits } = bunnyOf(changed((bunny) => Object.assign(bunny.users, { feeder: { permissions: "all" } })));
    const limited = limits?.users.flatMap((user) => (user.limits ? [user.name] : []));
    expect(limited?.toSorted()).toEqual(["anonymous", "michel", "noc"]);
  });

  it("are none with `outsiders: false`, and by default none for a broker with objects of its own", () => {
    for (const by of [{ outsiders: false }, { standardObjects: false }]) {
      const config = changed((bunny) => Object.assign(bunny, by));
      expect(bunnyOf(config)).toMatchObject({ operatorPolicies: [] });
      expect(bunnyOf(config).limits).toBeUndefined();
      const rules = contentOf(hostOf("bunny1", config), firewallRules);
      expect(rules).not.toContain("limit rate");
      expect(contentOf(hostOf("bunny1", config), "/etc/rabbitmq/rabbitmq.config")).not.toContain("max_message_size");
    }
  });

  it("apply to MQTT's queues and to its user, whose password is its name unless the stack has one", () => {
    const values = stackValues("lab4");
    const { bunny } = values.brokers as Record<string, object>;
    Object.assign(bunny ?? {}, { mqtt: {} });
    const { operatorPolicies, limits, users } = bunnyOf(parseStackConfig(values, "lab4"));
    const isLimited = new RegExp(operatorPolicies[0]?.pattern ?? "").test("mqtt-subscription-xqos1");
    expect(isLimited).toBe(true);
    expect(limits?.users.find(({ name }) => name === "everyone")?.limits?.connectionsMax).toBe(2000);
    expect(users.find(({ name }) => name === "everyone")?.password).toBe("everyone");
    Object.assign(values, { secrets: withSecret(values.secrets as object) });
    const own = bunnyOf(parseStackConfig(values, "lab4")).users.find(({ name }) => name === "everyone");
    expect(own?.password).toBe("password-of-the-tests");
  });

  it("are replaced by an operator policy of the same name", () => {
    const own = { name: "outsiders", pattern: "^q_", definition: { expires: 1000 } };
    const { operatorPolicies } = bunnyOf(changed((bunny) => Object.assign(bunny, { operatorPolicies: [own] })));
    expect(operatorPolicies).toEqual([{ ...own, applyTo: "queues", priority: 0 }]);
  });

  it("refuse no agent's message", () => {
    const small = () => changed((bunny) => Object.assign(bunny, { outsiders: { messageBytesMax: 1_000_000 } }));
    expect(small).toThrow(/outsiders/);
  });
});

describe("the firewall", () => {
  it("has rates for all addresses but the stack's, the operators' and exempt ones", () => {
    const config = changed((bunny) =>
      Object.assign(bunny, { outsiders: { exempt: ["192.0.2.0/24"] }, management: { from: ["198.51.100.0/24"] } }),
    );
    const rules = contentOf(hostOf("bunny1", config), firewallRules);
    const trusted = /set trusted {[^}]*elements = { ([^}]*) }/.exec(rules)?.[1]?.split(", ");
    const hosts = Object.values(config.hosts).map(({ address }) => address);
    expect(trusted).toEqual([...hosts, "198.51.100.0/24", "192.0.2.0/24"]);
  });

  it("has the same rates for MQTT", () => {
    const values = stackValues("lab4");
    const { bunny } = values.brokers as Record<string, object>;
    const rules = (mqtt: object, others: object = {}) => {
      Object.assign(bunny ?? {}, { mqtt, ...others });
      return contentOf(hostOf("bunny1", parseStackConfig(values, "lab4")), firewallRules);
    };
    expect(rules({})).toContain("tcp dport { 5672, 5671, 8883 }");
    expect(rules({ webPort: 15_676 })).toContain("tcp dport { 5672, 5671, 8883, 15676 }");
    expect(rules({}, { plainText: true })).toContain("tcp dport { 5672, 5671, 8883, 1883 }");
  });

  it("accepts VRRP from the hosts of a virtual IP only, but from any host with the old VRRP", () => {
    const rules = (config = fixtureConfig("lab4")) => contentOf(hostOf("bunny1", config), firewallRules);
    expect(rules()).toContain(
      "set vrrp {\n\t\ttype ipv4_addr\n\t\telements = { 10.203.4.21, 10.203.4.22, 10.203.4.23 }",
    );
    expect(rules()).toContain("ip protocol 112 ip saddr != @vrrp counter drop");
    const values = stackValues("lab4");
    Object.assign((values.virtualIps as Record<string, object>)["bunny-op"] ?? {}, { vrrp2: { authPass: "bunop" } });
    expect(rules(parseStackConfig(values, "lab4"))).not.toContain("112");
    // A host without a virtual IP needs no rule.
    expect(contentOf(hostOf("wxo-b1", fixtureConfig("lab4")), firewallRules)).not.toContain("112");
  });
});
