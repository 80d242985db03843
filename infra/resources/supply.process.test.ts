import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, it } from "vitest";

// Compares the software bill of materials (`npm sbom`) with the lock file. Hosts get Node and bundles of these packages; an operator's machine
// runs them, esbuild and warren's plugins for the engine included. It does not prove that nobody has edited a file since npm unpacked it.

const checkout = join(import.meta.dirname, "../..");

interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly optional?: boolean;
}
interface Component {
  readonly name: string;
  readonly version: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

const { packages } = JSON.parse(readFileSync(join(checkout, "package-lock.json"), "utf8")) as {
  packages: Record<string, Locked>;
};
const locked = Object.entries(packages).filter(([path]) => path !== "");
/** As in the bill: under the name by which it is installed, which may be an alias. */
const nameOf = (path: string, { version }: Locked) => `${path.split("node_modules/").at(-1)}@${version}`;

let bill: Map<string, string | undefined>;
beforeAll(async () => {
  const options = { cwd: checkout, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await promisify(execFile)("npm", ["sbom", "--sbom-format", "cyclonedx"], options);
  const { components } = JSON.parse(stdout) as { components: readonly Component[] };
  bill = new Map(
    components.map(({ name, version, hashes }) => [
      `${name}@${version}`,
      hashes?.find(({ alg }) => alg === "SHA-512")?.content,
    ]),
  );
});

it("the lock file has a SHA-512 of each package", () => {
  expect(locked.filter(([, one]) => !one.integrity?.startsWith("sha512-")).map(([path]) => path)).toEqual([]);
});

it("each installed package is in the lock file, with the same digest", () => {
  const digests = new Map(
    locked.map(([path, one]) => [
      nameOf(path, one),
      Buffer.from((one.integrity ?? "").replace("sha512-", ""), "base64").toString("hex"),
    ]),
  );
  expect([...bill].filter(([name, digest]) => digest === undefined || digests.get(name) !== digest)).toEqual([]);
});

it("each package of the lock file is installed, except those for other machines", () => {
  const needed = locked.filter(([, { optional }]) => !optional).map(([path, one]) => nameOf(path, one));
  expect(needed.filter((name) => !bill.has(name))).toEqual([]);
});

it("Node, esbuild and the language host's SDK are in the bill", () => {
  const versionOf = (name: string) => [...bill.keys()].find((one) => one.startsWith(`${name}@`));
  for (const name of [`node-linux-${process.arch}`, "esbuild", `@esbuild/linux-${process.arch}`, "@pulumi/pulumi"]) {
    expect(versionOf(name)).toBe(`${name}@${packages[`node_modules/${name}`]?.version}`);
  }
  expect(process.versions.node).toBe(packages[`node_modules/node-linux-${process.arch}`]?.version);
});
