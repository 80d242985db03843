import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { describeIssue } from "../../agents/lib/config.ts";
import { fixtureConfig } from "../model/fixture.ts";
import { brokerSchema } from "./brokers.ts";
import { directoryIssues } from "./directory-rules.ts";
import { ldapSchema } from "./ldap.ts";
import { monitorIssues } from "./monitor-rules.ts";

const least = { servers: ["ldap-1"], userDnPattern: `uid=\${username},dc=ca` };

/** The errors of a section, one line each. */
function issuesOf(rest: object): string[] {
  const parsed = ldapSchema.safeParse({ ...least, ...rest }, { reportInput: true });
  return parsed.success
    ? []
    : parsed.error.issues.flatMap(describeIssue).map(({ path, message }) => `${path}: ${message}`);
}

describe("the LDAP section of a broker", () => {
  it("needs only servers and a pattern; it is then encrypted and verified, and assigns no tags", () => {
    expect(ldapSchema.parse(least)).toMatchObject({
      encryption: "starttls",
      verify: true,
      first: "internal",
      authorization: "internal",
      tags: {},
    });
  });

  it.each<[what: string, rest: object, message: RegExp]>([
    ["a pattern without the name", { userDnPattern: "uid=me,dc=ca" }, /^userDnPattern: expected a DN with the name/],
    ["a CA file with a relative path", { caFile: "ca.pem" }, /^caFile: expected an absolute path on the members/],
    [
      "an unknown query",
      { vhostAccess: { inGroups: "cn=a,dc=ca" } },
      /^vhostAccess: expected true, false, or one of inGroup/,
    ],
    [
      "an invalid query within a query",
      { tags: { a: { and: [true, { inGroup: 5 }] } } },
      /^tags\.a: expected true, false, or one of/,
    ],
    ["a case without a query", { resourceAccess: { for: [{ permission: "read" }] } }, /^resourceAccess: /],
    ["nested groups without a base DN", { tags: { a: { inGroupNested: "cn=a,dc=ca" } } }, /^groupLookupBase: /],
    ["an unknown key", { server: "a" }, /^server: unknown key/],
  ])("refuses %s", (_, rest, message) => {
    expect(issuesOf(rest)).toEqual([expect.stringMatching(message)]);
  });

  it("has a valid example in the comments of stack op", () => {
    const text = readFileSync(new URL("../../stacks/Pulumi.op.yaml", import.meta.url), "utf8");
    const lines = text.split("\n");
    const from = lines.findIndex((line) => line.trim() === "# users:");
    const to = lines.findIndex((line) => line.includes("# exchanges: [cmc, xpublic]"));
    // Sentences begin with a capital letter, keys with a small one.
    const keys = lines.slice(from, to).map((line) => line.replace(/^ {6}(# )?/, "").replace(/^ *[A-Z].*$/, ""));
    const { users, ldap } = parse(keys.join("\n"));
    const broker = brokerSchema.parse({ members: ["a"], series: "3.10", users, ldap });
    expect(Object.entries(broker.users).every(([name, user]) => user.ldap !== (name === "guest"))).toBe(true);
    expect(broker.ldap).toMatchObject({ log: "on", first: "internal", authorization: "internal", timeoutMs: 5000 });
  });
});

describe("the live page's login", () => {
  const pageOf = (ldap: unknown) => {
    const config = fixtureConfig();
    const { bunny } = config.brokers;
    return monitorIssues({ ...config, brokers: { ...config.brokers, bunny: { ...bunny, ldap } } } as typeof config);
  };

  it("needs the directory of the announcements' broker, with an entry below one DN for each person", () => {
    expect(monitorIssues(fixtureConfig())).toEqual([]);
    expect(pageOf(undefined)).toMatchObject([{ path: "brokers.bunny.ldap" }]);
    expect(pageOf(ldapSchema.parse({ ...least, userDnPattern: `\${username}@ca` }))).toEqual([
      {
        path: "brokers.bunny.ldap.userDnPattern",
        message: expect.stringMatching(/^expected ATTRIBUTE=\$\{username\},BASE/),
      },
    ]);
  });
});

describe("the stack's own directory", () => {
  const config = fixtureConfig();

  it("needs every member of a group among its people", () => {
    const groups = { radar: ["michel", "nobody"] };
    expect(directoryIssues({ ...config, directory: { ...config.directory, groups } })).toEqual([
      {
        path: "secrets.directory.nobody",
        message: expect.stringMatching(/^expected a secret, but it is missing: set it with .* -s STACK`$/),
      },
    ]);
  });

  it("needs a host that serves it", () => {
    const { "ldap-1": _, ...hosts } = config.hosts;
    expect(directoryIssues(config)).toEqual([]);
    expect(directoryIssues({ ...config, hosts })).toEqual([
      { path: "secrets.directory", message: "expected a host with the role ldap, but there is none" },
    ]);
  });
});
