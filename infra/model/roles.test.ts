import { describe, expect, it } from "vitest";
import { parseStackConfig, type StackConfig } from "../config/index.ts";
import { agentLogin, agentRoles, hasRoles } from "../config/roles.ts";
import { clusterModels } from "./cluster.ts";
import { contentOf, hostOf, stackValues } from "./fixture.ts";
import { needsOf } from "./roles.ts";

type Values = ReturnType<typeof stackValues> & {
  brokers: Record<string, Record<string, unknown>>;
  hosts: Record<string, object>;
  secrets: { passwords: Record<string, string> };
};

/** Stack lab with users of the roles at its radar cluster, which has the old permissions, and further changes. */
function stack(change: (values: Values) => void = () => {}): StackConfig {
  const values = structuredClone(stackValues("lab")) as Values;
  Object.assign(values.brokers.bunny ?? {}, { roles: true });
  change(values);
  return parseStackConfig(values, "stack lab");
}

const userNames = (config: StackConfig, cluster: string): string[] =>
  clusterModels(config)
    .filter(({ name }) => name === cluster)
    .flatMap(({ users }) => users.map(({ name }) => name));

describe("users of the agents' roles", () => {
  it("exist for the roles that a cluster has, beside the source's users", () => {
    expect(userNames(stack(), "bunny")).toEqual(
      expect.arrayContaining(["feeder", "anonymous", "guest", "announcer", "auditor", "dispatcher", "puller"]),
    );
    expect(userNames(stack(), "bunny")).not.toContain("watcher");
    expect(userNames(stack(), "wxo-b1")).toEqual(
      expect.arrayContaining(["feeder", "bridge", "receiver", "sender", "watcher"]),
    );
    expect(userNames(stack(), "wxo-b1")).not.toContain("puller");
  });

  it("are the default, except with the old permissions, without standard objects, and at adopted brokers", () => {
    const of = (change: (bunny: Record<string, unknown>, values: Values) => void) =>
      hasRoles(
        stack((values) => {
          delete values.brokers.bunny?.roles;
          change(values.brokers.bunny ?? {}, values);
        }),
        "bunny",
      );
    expect(of((bunny) => Object.assign(bunny, { permissions: "safe" }))).toBe(true);
    expect(of(() => {})).toBe(false);
    expect(of((bunny) => Object.assign(bunny, { permissions: "safe", roles: false }))).toBe(false);
    expect(of((bunny) => Object.assign(bunny, { permissions: "compatible", roles: true }))).toBe(true);
    const adopted = {
      ...stack(),
      brokers: { bunny: { ...stack().brokers.bunny, permissions: "safe", roles: undefined } },
    };
    const hosts = Object.fromEntries(["bunny1", "bunny2"].map((name) => [name, { adopted: {} }]));
    expect(hasRoles(adopted as unknown as StackConfig, "bunny")).toBe(true);
    expect(hasRoles({ ...adopted, hosts } as unknown as StackConfig, "bunny")).toBe(false);
  });

  it("are what the agents log in as, each with a file of its own", () => {
    for (const [host, agent, role] of [
      ["urp-1", "announcer", "announcer"],
      ["pds-1", "puller", "puller"],
      ["bunny1", "dispatcher", "dispatcher"],
      ["px-1", "auditor", "auditor"],
    ] as const) {
      const model = hostOf(host, stack());
      expect(JSON.parse(contentOf(model, `/etc/warren/${agent}.json`)).broker.user).toBe(role);
      const { password } = agentLogin(stack(), role, "bunny");
      expect(contentOf(model, `/etc/warren/secrets/${role}`)).toBe(password);
      expect(model.files.map(({ path }) => path)).not.toContain("/etc/warren/secrets/broker-password");
    }
    const off = stack((values) => Object.assign(values.brokers.bunny ?? {}, { roles: false }));
    expect(contentOf(hostOf("pds-1", off), "/etc/warren/secrets/broker-password")).toBe("feeder-of-the-tests");
  });

  it("have different passwords, each derived from that of the agents' user", () => {
    const passwords = agentRoles.map((role) => agentLogin(stack(), role, "bunny").password);
    expect(new Set([...passwords, "feeder-of-the-tests"]).size).toBe(agentRoles.length + 1);
    const other = stack((values) => Object.assign(values.secrets.passwords, { feeder: "another-of-the-tests" }));
    expect(agentLogin(other, "puller", "bunny").password).not.toBe(agentLogin(stack(), "puller", "bunny").password);
  });

  it("have twins, as the agents' user has, once the second has a password", () => {
    const rotated = (user: string) =>
      stack((values) => {
        Object.assign(values.secrets.passwords, { "feeder-b": "twin-of-the-tests" });
        Object.assign(values, { announcements: { ...(values.announcements as object), user } });
      });
    expect(userNames(stack(), "bunny")).not.toContain("puller-b");
    for (const user of ["feeder", "feeder-b"])
      expect(userNames(rotated(user), "bunny")).toEqual(expect.arrayContaining(["puller", "puller-b"]));
    expect(agentLogin(rotated("feeder-b"), "puller", "bunny").user).toBe("puller-b");
    expect(clusterModels(rotated("feeder"))).toEqual(clusterModels(rotated("feeder-b")));
  });

  it("are no names for other users", () => {
    expect(() =>
      stack((values) => Object.assign(values.brokers.bunny ?? {}, { users: { puller: { ldap: true } } })),
    ).toThrow(/brokers\.bunny\.users\.puller: expected another name/);
  });
});

describe("the table of roles", () => {
  it("gives each topic of the radar path one publisher, so that its headers are that role's", () => {
    const publishers = (topic: string) =>
      agentRoles.filter((role) =>
        needsOf(stack(), "bunny", role)?.publishes.some(({ topics }) => topics !== "any" && topics.includes(topic)),
      );
    expect(publishers("v00.urp.input")).toEqual(["announcer"]);
    expect(publishers("v00.urp.announced")).toEqual(["announcer"]);
    for (const topic of ["notify", "twin", "marker"]) expect(publishers(`v00.urp.${topic}`)).toEqual(["dispatcher"]);
    for (const topic of ["alternate", "pulled", "peers"]) expect(publishers(`v00.urp.${topic}`)).toEqual(["puller"]);
  });
});
