import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Chunks of npm's output, as they come. */
export interface InstallOutput {
  stdout(chunk: Buffer): void;
  stderr(chunk: Buffer): void;
}

/** Installs the program's dependencies; exactly the lock file's versions if there is one. */
export async function installDependencies(directory: string, output: InstallOutput): Promise<void> {
  const root = findManifestFolder(directory);
  const command = existsSync(join(root, "package-lock.json")) ? "ci" : "install";
  const child = spawn("npm", [command], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.on("data", (chunk: Buffer) => output.stdout(chunk));
  child.stderr.on("data", (chunk: Buffer) => output.stderr(chunk));
  await new Promise<void>((resolve, reject) => {
    child.once("error", (error) => reject(new Error(`could not start npm ${command}: ${error.message}`)));
    child.once("close", (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`npm ${command} in ${root} failed (${signal ?? `exit code ${code}`})`)),
    );
  });
}

export interface Dependency {
  readonly name: string;
  readonly version: string;
}

interface Manifest {
  readonly version?: string;
  readonly dependencies?: { readonly [name: string]: string };
  readonly devDependencies?: { readonly [name: string]: string };
}

/** The direct dependencies of the program, with their installed versions; for one that is not installed, the requested range. */
export function listDependencies(directory: string): readonly Dependency[] {
  const root = findManifestFolder(directory);
  const { dependencies, devDependencies } = readManifest(join(root, "package.json")) ?? {};
  return Object.entries({ ...devDependencies, ...dependencies })
    .map(([name, wanted]) => ({
      name,
      version: readManifest(join(root, "node_modules", name, "package.json"))?.version ?? wanted,
    }))
    .sort((left, right) => left.name.localeCompare(right.name));
}

function readManifest(file: string): Manifest | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Manifest) : undefined;
}

/** The nearest folder with a package.json, upwards from this one. */
function findManifestFolder(directory: string): string {
  for (let folder = directory; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return folder;
    if (folder === dirname(folder)) throw new Error(`no package.json in ${directory} or above it`);
  }
}
