import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixtureConfig, fixtureModel } from "../infra/model/fixture.ts";
import type { HostModel } from "../infra/model/types.ts";

// Everything that the labs' stacks put on one host of each kind, as it was when somebody last looked at it. After a change that is meant,
// renew and read the diff (secrets are the fixture's, words of the tests):
//   node_modules/.bin/vitest run --project unit templates/golden.test.ts -u && git diff templates/golden
const folder = join(import.meta.dirname, "golden");
/** Folder -> stack and host. Both brokers of stack lab: their priorities, peers and turns differ. */
const kinds = {
  "urp-1": ["lab", "urp-1"],
  bunny1: ["lab", "bunny1"],
  bunny2: ["lab", "bunny2"],
  "pds-1": ["lab", "pds-1"],
  "ldap-1": ["lab", "ldap-1"],
  "lab4-bunny2": ["lab4", "bunny2"],
  "wxo-b1": ["lab", "wxo-b1"],
  "px-1": ["lab", "px-1"],
  "client-1": ["lab", "client-1"],
} as const;
const hosts = Object.entries(kinds).map(([name, [stack, wanted]]) => {
  const host = fixtureModel(fixtureConfig(stack)).hosts.find((one) => one.name === wanted);
  if (!host) throw new TypeError(`stack ${stack} has no host ${wanted}`);
  return [name, host] as const;
});
/** Beside a host's files: what surrounds them. No file of a host is called so, paths on hosts begin at the root. */
const contentsName = "CONTENTS";

/** What of a host isn't text of a file: accounts, folders, modes, packages, units. A line a thing, so that a diff reads well. */
function contentsOf(host: HostModel): string {
  const place = ({ mode, owner, group, path }: HostModel["directories"][number]) => `${mode} ${owner}:${group} ${path}`;
  return [
    ...host.accounts.map((account) => `account ${account.name} ${account.home}`),
    ...host.directories.map((directory) => `folder ${place(directory)}`),
    ...host.packages.map((one) => `package ${one.name} ${one.series ?? "any"}`),
    ...host.files.map((file) =>
      [
        `file ${place(file)} ${file.order}`,
        ...(file.secret ? ["secret"] : []),
        ...(file.keep ? ["kept"] : []),
        ...(file.validate ? [`judged by: ${file.validate.join(" ")}`] : []),
      ].join(", "),
    ),
    ...host.artifacts.map((artifact) => `artifact ${place(artifact)}`),
    ...host.units.flatMap((unit) => [
      `unit ${unit.name} ${unit.onChange}s${unit.afterBroker ? ", after the broker's objects" : ""}${unit.packaged ? ", packaged" : ""}`,
      ...unit.reads.map((path) => `  reads ${path}`),
    ]),
    "",
  ].join("\n");
}

describe.each(hosts)("%s, as it is rendered", (name, host) => {
  it.each(host.files.map((file) => [file.path, file.content] as const))(
    "has %s as in the golden files",
    async (path, content) => {
      await expect(content).toMatchFileSnapshot(join(folder, name, path));
    },
  );

  it("has accounts, folders, packages, owners, modes and units as in the golden files", async () => {
    await expect(contentsOf(host)).toMatchFileSnapshot(join(folder, name, contentsName));
  });

  it("has no golden file that nothing renders any more: delete what is named here", () => {
    const rendered = new Set([contentsName, ...host.files.map((file) => file.path.slice(1))]);
    const golden = readdirSync(join(folder, name), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, name).length + 1));
    expect(golden.filter((path) => !rendered.has(path))).toEqual([]);
  });
});

it("has golden files of these hosts alone", () => {
  expect(readdirSync(folder).toSorted()).toEqual(Object.keys(kinds).toSorted());
});
