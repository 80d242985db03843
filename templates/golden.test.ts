import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixtureConfig, fixtureModel } from "../infra/model/fixture.ts";
import type { HostModel } from "../infra/model/types.ts";

// Everything that the labs' stacks put on one host of each kind, as last reviewed. After an intended change, renew the files and read the
// diff (the secrets are the fixture's own):
//   node_modules/.bin/vitest run --project unit templates/golden.test.ts -u && git diff templates/golden
const folder = join(import.meta.dirname, "golden");
/** Folder -> stack and host. Both brokers of stack lab, because their priorities, peers and order differ. */
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
/** The rest of a host's model, in one more file. The name can't clash: paths on hosts are absolute. */
const contentsName = "CONTENTS";

/** Accounts, folders, modes, packages and units of a host, one on each line, so that a diff reads well. */
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

describe.each(hosts)("rendered files of %s", (name, host) => {
  it.each(host.files.map((file) => [file.path, file.content] as const))(
    "match the golden file %s",
    async (path, content) => {
      await expect(content).toMatchFileSnapshot(join(folder, name, path));
    },
  );

  it("have the accounts, folders, packages, owners, modes and units of the golden files", async () => {
    await expect(contentsOf(host)).toMatchFileSnapshot(join(folder, name, contentsName));
  });

  it("include every golden file: delete those listed here, nothing renders them any more", () => {
    const rendered = new Set([contentsName, ...host.files.map((file) => file.path.slice(1))]);
    const golden = readdirSync(join(folder, name), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, name).length + 1));
    expect(golden.filter((path) => !rendered.has(path))).toEqual([]);
  });
});

it("has golden files of these hosts only", () => {
  expect(readdirSync(folder).toSorted()).toEqual(Object.keys(kinds).toSorted());
});
