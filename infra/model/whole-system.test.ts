import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { agentSchemas } from "../../tests/rigs/agent-schemas.ts";
import { checkModel } from "../checks/index.ts";
import { noPast } from "../checks/past.ts";
import { unfilledPaths } from "../config/fill-in.ts";
import { type Role, roles } from "../config/hosts.ts";
import { parseStackConfig } from "../config/index.ts";
import { missingSecrets } from "../config/placeholders.ts";
import { hostSteps } from "../resources/host-steps.ts";
import { fixtureModel } from "./fixture.ts";

/** The `warren:` values of a committed stack file with everything filled in that `./warren checks` lists, and nothing else. */
function filledIn(stack: string): Record<string, unknown> {
  const { config } = parse(readFileSync(new URL(`../../stacks/Pulumi.${stack}.yaml`, import.meta.url), "utf8"));
  const values = Object.fromEntries(
    Object.entries(config as Record<string, unknown>).map(([key, value]) => [key.replace("warren:", ""), value]),
  );
  const listed = [...unfilledPaths(values), ...missingSecrets(values)];
  expect(listed.length).toBeLessThan(25);
  for (const [index, path] of listed.entries()) {
    const keys = path.split(".");
    const last = keys.pop() ?? "";
    // biome-ignore lint/suspicious/noExplicitAny: values of any shape
    const place = keys.reduce((at: any, key) => (at[key] ??= {}), values);
    place[last] = last === "address" ? `10.203.9.${index + 1}` : `VALUEOFTHETESTSNUMBER${index}`;
  }
  return values;
}

describe.each(["op", "dev"])("stack %s, filled in", (stack) => {
  const config = parseStackConfig(filledIn(stack), stack);
  const model = fixtureModel(config);

  it("is the whole system: all roles but labs' own, three public data servers, the department's directory", () => {
    const own: readonly Role[] = ["client", "ldap"];
    const given = new Set(Object.values(config.hosts).flatMap((host) => host.roles));
    expect(given).toEqual(new Set(roles.filter((role) => !own.includes(role))));
    expect(Object.keys(config.datamarts)).toEqual(["dd", "dd-beta", "ddi"]);
    expect(Object.keys(config.receivers)).toEqual(["urls"]);
    expect(config.brokers.bunny?.ldap?.servers).toEqual(["ldap-dev.cmc.ec.gc.ca"]);
  });

  it("has a model without errors, with steps for every host", () => {
    expect(checkModel(model, config, noPast).map(({ severity }) => severity)).not.toContain("error");
    for (const host of model.hosts) expect(hostSteps(host).length, host.name).toBeGreaterThan(3);
  });

  it("has configs that every agent accepts", () => {
    const kinds = { ...agentSchemas, delivery: agentSchemas.sender, notify: agentSchemas.sender };
    const accepted = new Set<string>();
    for (const { name, files } of model.hosts) {
      for (const { path, content } of files.filter((file) => /^\/etc\/warren\/[\w-]+\.json$/.test(file.path))) {
        const agent = path.slice("/etc/warren/".length, -".json".length);
        const kind = Object.keys(kinds).find(
          (one) => agent === one || agent.startsWith(`${one}-`),
        ) as keyof typeof kinds;
        expect(kinds[kind].safeParse(JSON.parse(content)).error?.issues, `${name} ${agent}`).toBeUndefined();
        accepted.add(kind);
      }
    }
    const agents = [
      "announcer",
      "auditor",
      "delivery",
      "dispatcher",
      "monitor",
      "notify",
      "puller",
      "queue-manager",
      "receiver",
      "watcher",
    ];
    expect([...accepted].toSorted()).toEqual(agents);
  });
});
