import { describe, expect, it } from "vitest";
import { ConfigError } from "../../agents/lib/errors.ts";
import { fixtureArtifacts, fixtureConfig, stackValues } from "../model/fixture.ts";
import { buildModel } from "../model/index.ts";
import { parseStackConfig } from "./index.ts";

// biome-ignore lint/suspicious/noExplicitAny: the tests put mistakes into it
type Values = Record<string, any>;

/** Stack `op` with one change. */
function changed(change: (values: Values) => void): Values {
  const values = structuredClone(stackValues("op")) as Values;
  change(values);
  return values;
}

function issuesOf(change: (values: Values) => void): string[] {
  try {
    parseStackConfig(changed(change), "stack op");
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map((issue) => `${issue.path}: ${issue.message}`);
    throw error;
  }
  return [];
}

describe("a stack that names a base", () => {
  it("has the base's values where its own file has none", () => {
    const { ssh, brokers } = parseStackConfig(stackValues("op"), "stack op");
    expect(stackValues("op")).not.toHaveProperty("brokers.bunny.series");
    expect(ssh.user).toBe("root");
    expect(brokers.bunny).toMatchObject({ members: ["bunny1-op", "bunny2-op"], series: "3.10", virtualIp: "bunny-op" });
  });

  it("overrides the base key by key; a list is replaced as one", () => {
    const { ssh, brokers } = parseStackConfig(
      changed((v) => {
        Object.assign(v.ssh, { user: "ops" });
        Object.assign(v.brokers.bunny, { members: ["bunny2-op"], permissions: "compatible" });
      }),
      "stack op",
    );
    expect(ssh.user).toBe("ops");
    expect(brokers.bunny).toMatchObject({ members: ["bunny2-op"], permissions: "compatible", series: "3.10" });
  });

  it("overrides nothing by a key whose children are all commented out", () => {
    const config = parseStackConfig(
      changed((v) => Object.assign(v, { announcements: null })),
      "stack op",
    );
    expect(config).toEqual(fixtureConfig("op"));
  });

  it("is refused with a single error if there is no such base", () => {
    expect(issuesOf((v) => Object.assign(v, { base: "announcements" }))).toEqual([
      'warren:base: expected one of announcement-system, got "announcements"',
    ]);
    expect(issuesOf((v) => Object.assign(v, { base: "constructor" }))).toHaveLength(1);
    expect(issuesOf((v) => Object.assign(v, { base: 5 }))).toHaveLength(1);
  });

  it("gets errors that name the source of the wrong value, the base or its own file", () => {
    const issues = issuesOf((v) => {
      delete v.brokers.bunny.members;
      v.hosts.bunny1 = { address: "142.135.12.200", roles: ["bunny"] };
    });
    expect(issues).toEqual([
      'warren:brokers.bunny.members.1: expected the name of a host under warren:hosts, got "bunny2" (from base announcement-system)',
    ]);
    expect(issuesOf((v) => Object.assign(v.brokers.bunny, { members: ["bunny1-op", "bunny9"] }))).toEqual([
      'warren:brokers.bunny.members.1: expected the name of a host under warren:hosts, got "bunny9"',
    ]);
  });
});

describe("stacks op and dev", () => {
  const modelOf = (stack: string) => buildModel("one", fixtureConfig(stack), fixtureArtifacts);
  const differing = [
    // Of hosts, and of the virtual IP, which is not filled in.
    [/192\.0\.2\.(?!115\b)/g, "142.135.12."],
    [/192\.0\.2\.115\b/g, "142.135.12.59"],
    [/\b(bunny(?:[12]|))-dev\b/g, "$1-op"],
    [/\b((?:urp|pds|px|monitor)-\d|wxo-b1|ddi|dd-beta)-dev\b/g, "$1"],
    [/http:\/\/wxo-b1\.cmc\.ec\.gc\.ca\//g, "http://dd1.weather.gc.ca/"],
    [/\bdev_ed25519\b/g, "op_ed25519"],
    [/\b(virtual_router_id )248\b/g, "$1247"],
  ] as const;

  it("differ only in addresses, names, router id, the URL of DD, and the login key", () => {
    let dev = JSON.stringify(modelOf("dev"), undefined, 1);
    for (const [theirs, ours] of differing) {
      expect(dev).toMatch(theirs);
      dev = dev.replaceAll(theirs, ours);
    }
    expect(dev).toBe(JSON.stringify(modelOf("op"), undefined, 1));
  });

  it("share a base and repeat none of its values", () => {
    const [op, dev] = [stackValues("op"), stackValues("dev")] as [Values, Values];
    expect([op.base, dev.base]).toEqual(["announcement-system", "announcement-system"]);
    for (const own of [op, dev]) {
      expect(Object.keys(own.brokers.bunny)).toEqual(["members", "virtualIp", "ldap"]);
      expect(own.announcements ?? {}).toEqual({});
    }
  });
});
