import { execFile } from "node:child_process";
import { access, constants, readFile, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { cacheFolder, writeFileAtomic } from "../../lib/files.ts";
import { checkout, ownFolder } from "../places.ts";
import { parseVersion, satisfies, type Version } from "./versions.ts";

const run = promisify(execFile);

/** Milliseconds for an engine to print its version, which takes 150 ms. A program that needs longer is not an engine. */
const versionTimeoutMs = 10_000;

export interface FoundEngine {
  readonly path: string;
  readonly version: string;
}

/** The version that `pulumi version` prints; undefined where it can't be run. */
export async function askVersion(program: string): Promise<string | undefined> {
  const env = { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "1" };
  const answer = await run(program, ["version"], { timeout: versionTimeoutMs, env }).catch(() => undefined);
  const version = answer && parseVersion(answer.stdout);
  return version ? version.join(".") : undefined;
}

/**
 * The first engine of a suitable version on PATH or in `~/.pulumi/bin`. An engine of another version is reported, since a
 * user who installed it wants to know why it is not used.
 */
export async function findInstalled(
  wanted: Version,
  onUnfit: (text: string) => void = () => {},
  environment: NodeJS.ProcessEnv = process.env,
): Promise<FoundEngine | undefined> {
  for (const candidate of await candidates(environment)) {
    const version = await rememberedVersion(candidate, environment);
    if (version && satisfies(parseVersion(version), wanted)) return { path: candidate, version };
    onUnfit(
      `${candidate} is ${version ?? "not an engine that runs"}: ${wanted.join(".")} or a later ${wanted[0]}.x is needed`,
    );
  }
  return undefined;
}

/** Executables called `pulumi` that a user installed; not those of warren, nor npm's wrappers that would download one. */
async function candidates(environment: NodeJS.ProcessEnv): Promise<string[]> {
  const home = environment.PULUMI_HOME || path.join(environment.HOME || homedir(), ".pulumi");
  const folders = [...(environment.PATH ?? "").split(path.delimiter).filter(Boolean), path.join(home, "bin")];
  const own = [ownFolder, cacheFolder(environment), path.join(checkout, "node_modules")];
  const found: string[] = [];
  for (const folder of folders) {
    const candidate = path.join(folder, "pulumi");
    const real = await access(candidate, constants.X_OK).then(
      () => realpath(candidate),
      () => undefined,
    );
    if (real && !found.includes(candidate) && !own.some((each) => real.startsWith(each + path.sep)))
      found.push(candidate);
  }
  return found;
}

/** Versions by path, size and time: a version costs a start of the engine, and each run needs it. */
async function rememberedVersion(program: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const file = path.join(cacheFolder(environment), "engine-versions.json");
  const { mtimeMs, size } = await stat(program);
  const key = `${program}:${size}:${mtimeMs}`;
  const known = await readFile(file, "utf8").then(
    (text) => JSON.parse(text) as Record<string, string>,
    () => ({}) as Record<string, string>,
  );
  const remembered = known[key];
  if (remembered) return remembered;
  const version = await askVersion(program);
  if (version) await writeFileAtomic(file, JSON.stringify({ ...known, [key]: version }));
  return version;
}
