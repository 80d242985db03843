import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { describeIssue } from "../../agents/lib/config.ts";
import { fixtureConfig } from "../model/fixture.ts";
import { brokerSchema } from "./brokers.ts";
import { directoryIssues } from "./directory-rules.ts";
import { ldapSchema } from "./ldap.ts";

const least = { servers: ["ldap-1"], userDnPattern: `uid=\${username},dc=ca` };

/** What is wrong with a section, a line each. */
function issuesOf(rest: object): string[] {
  const parsed = ldapSchema.safeParse({ ...least, ...rest }, { reportInput: true });
  return parsed.success
    ? []
    : parsed.error.issues.flatMap(describeIssue).map(({ path, message }) => `${path}: ${message}`);
}

describe("the LDAP section of a broker", () => {
  it("needs servers and a pattern alone, and is then encrypted, verified, and gives nobody a tag", () => {
    expect(ldapSchema.parse(least)).toMatchObject({
      encryption: "starttls",
      verify: true,
      first: "internal",
      authorization: "internal",
      tags: {},
    });
  });

  it.each<[what: string, rest: object, said: RegExp]>([
    ["a pattern without the name", { userDnPattern: "uid=me,dc=ca" }, /^userDnPattern: a DN in which the name stands/],
    ["a CA file that is no place on the members", { caFile: "ca.pem" }, /^caFile: an absolute path on the members/],
    [
      "a query that is none",
      { vhostAccess: { inGroups: "cn=a,dc=ca" } },
      /^vhostAccess: true, false, or one of inGroup/,
    ],
    [
      "a query in a query that is none",
      { tags: { a: { and: [true, { inGroup: 5 }] } } },
      /^tags\.a: true, false, or one of/,
    ],
    ["a case without a query", { resourceAccess: { for: [{ permission: "read" }] } }, /^resourceAccess: /],
    [
      "groups in groups without a place to look for them",
      { tags: { a: { inGroupNested: "cn=a,dc=ca" } } },
      /^groupLookupBase: /,
    ],
    ["an unknown key", { server: "a" }, /^server: unknown key/],
  ])("refuses %s", (_, rest, said) => {
    expect(issuesOf(rest)).toEqual([expect.stringMatching(said)]);
  });

  it("has in the comments of stack op an example that is right", () => {
    const text = readFileSync(new URL("../../stacks/Pulumi.op.yaml", import.meta.url), "utf8");
    const lines = text.split("\n");
    const from = lines.findIndex((line) => line.trim() === "# users:");
    const to = lines.findIndex((line) => line.includes("# exchanges: [cmc, xpublic]"));
    // Sentences begin with a capital letter; keys don't.
    const keys = lines.slice(from, to).map((line) => line.replace("      # ", "").replace(/^ *[A-Z].*$/, ""));
    const { users, ldap } = parse(keys.join("\n"));
    const broker = brokerSchema.parse({ members: ["a"], series: "3.10", users, ldap });
    expect(Object.values(broker.users).every((user) => user.ldap)).toBe(true);
    expect(broker.ldap).toMatchObject({ log: "on", first: "internal", authorization: "internal", timeoutMs: 5000 });
  });
});

describe("the stack's own directory", () => {
  const config = fixtureConfig();

  it("has groups of people that are in it", () => {
    const groups = { radar: ["michel", "nobody"] };
    expect(directoryIssues({ ...config, directory: { ...config.directory, groups } })).toEqual([
      {
        path: "secrets.directory.nobody",
        message: expect.stringMatching(/^a secret is expected, but it is missing: set it with .* -s STACK`$/),
      },
    ]);
  });

  it("has a host that serves it", () => {
    const { "ldap-1": _, ...hosts } = config.hosts;
    expect(directoryIssues(config)).toEqual([]);
    expect(directoryIssues({ ...config, hosts })).toEqual([
      { path: "secrets.directory", message: "a host with the role ldap is expected, there is none" },
    ]);
  });
});
