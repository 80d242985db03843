import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { quote } from "../../../infra/commands/command.ts";
import { ageMs, exists, maybeInUseMs, temporaryName, writeFileAtomic } from "../../lib/files.ts";
import { checkout, nodeProgram, ownFolder } from "../places.ts";
import { answers, officialReleases } from "./download.ts";
import type { Progress } from "./progress.ts";
import type { PinnedVersions, ProviderName } from "./versions.ts";

const run = promisify(execFile);

export interface Plugin {
  /** `command`, `rabbitmq`, or `language-nodejs` for the language host. */
  readonly name: string;
  readonly version: string;
  readonly origin: "official" | "warren";
  /** The executable. */
  readonly path: string;
}

/** Milliseconds for an official plugin of 15 to 40 MB. After this it counts as not available. */
const pluginInstallTimeoutMs = 120_000;

/** Milliseconds before a refused download is tried again. */
const refusalMemoryMs = 24 * 3_600_000;

/** The engine's home with warren's own plugins. The user's own home stays unchanged. */
export const ownHome = path.join(ownFolder, "pulumi");

export function userHome(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.PULUMI_HOME || path.join(environment.HOME || homedir(), ".pulumi");
}

/** The engine's path of a provider: `HOME/plugins/resource-NAME-vVERSION/pulumi-resource-NAME`. */
export function providerProgram(home: string, name: ProviderName, version: string): string {
  return path.join(home, "plugins", `resource-${name}-v${version}`, `pulumi-resource-${name}`);
}

export interface OfficialOptions {
  readonly progress: Progress;
  readonly again?: boolean;
  /** The user's home of the engine, where plugins are installed for all projects. */
  readonly home?: string;
  /** The file that remembers a refused download. */
  readonly memory?: string;
  /** Probed first: without an answer the engine would try for half a minute. */
  readonly releases?: string;
}

/**
 * The official provider in the user's home, installed by the engine if it is missing. Undefined where the download is
 * refused. A refusal is remembered for a day, so that not every run waits for one; `again` tries at once.
 */
export async function officialProvider(
  engine: string,
  name: ProviderName,
  version: string,
  options: OfficialOptions,
): Promise<Plugin | undefined> {
  const { home = userHome(), memory = ownFolder, releases = officialReleases } = options;
  const program = providerProgram(home, name, version);
  const plugin: Plugin = { name, version, origin: "official", path: program };
  if (await exists(program)) return plugin;
  const refusal = path.join(memory, `refused-${name}-${version}`);
  const refused = await stat(refusal).catch(() => undefined);
  if (refused && !options.again && Date.now() - refused.mtimeMs < refusalMemoryMs) return undefined;

  options.progress.status(`the engine brings its plugin ${name} ${version}`);
  if (await answers(releases)) {
    const env = { ...process.env, PULUMI_HOME: home, PULUMI_SKIP_UPDATE_CHECK: "1" };
    const install = ["plugin", "install", "resource", name, `v${version}`];
    await run(engine, install, { env, timeout: pluginInstallTimeoutMs }).catch(() => undefined);
    if (await exists(program)) return plugin;
  }
  options.progress.line(`official plugin ${name} ${version} not available: using warren's own`);
  await writeFileAtomic(refusal, "");
  return undefined;
}

/**
 * Bundles warren's own plugins if their sources changed (1 to 3 s), and installs them where the engine looks for them.
 * If nothing changed, it only reads and hashes the sources.
 */
export async function ownPlugins(pinned: PinnedVersions): Promise<{ host: string; providers: Plugin[] }> {
  const key = await sourcesKey();
  const bundles = path.join(ownFolder, "plugins", key);
  const bundle = (name: string) => path.join(bundles, `${name}.cjs`);
  const names: readonly ProviderName[] = ["command", "rabbitmq"];
  const entries = ["language-nodejs", ...names];
  const missing: string[] = [];
  for (const name of entries) if (!(await exists(bundle(name)))) missing.push(name);
  if (missing.length > 0) {
    // Loaded on demand: esbuild takes longer to load than everything else in an ordinary run.
    const { bundlePlugin } = await import("../../../infra/plugins/lib/bundle.ts");
    await Promise.all(missing.map((name) => bundleWhole(bundlePlugin, name, bundle(name))));
    await removeOthers(path.join(ownFolder, "plugins"), key);
  }
  const providers: Plugin[] = [];
  for (const name of names) {
    const version = pinned.providers[name];
    const program = providerProgram(ownHome, name, version);
    await writeStarter(program, bundle(name));
    providers.push({ name, version, origin: "warren", path: program });
  }
  return { host: bundle("language-nodejs"), providers };
}

/**
 * Prevents the engine's debug logs: megabytes for each run, which take a quarter of its processor time. The engine has no option for that. But it
 * runs without the logs if it can't create their folder, so an empty file is put in its place. `--logtostderr -v=9` still prints them.
 */
export async function withoutDebugLogs(home: string): Promise<void> {
  const logs = debugLogs(home);
  if ((await stat(logs).catch(() => undefined))?.isFile()) return;
  await rm(logs, { recursive: true, force: true });
  await writeFileAtomic(logs, "");
}

/** The folder of the engine's debug logs; an empty file where `withoutDebugLogs` prevents them. */
export const debugLogs = (home: string): string => path.join(home, "logs");

/** A copy of an official provider in warren's home, for runs with both kinds: the engine looks in one home only. */
export async function adoptOfficial(plugin: Plugin, name: ProviderName): Promise<Plugin> {
  const program = providerProgram(ownHome, name, plugin.version);
  const temporary = temporaryName(path.dirname(program));
  await cp(path.dirname(plugin.path), temporary, { recursive: true });
  await rm(path.dirname(program), { recursive: true, force: true });
  await rename(temporary, path.dirname(program));
  return { ...plugin, path: program };
}

/** A shell script instead of a link to Node: the engine starts a plugin by its path, without arguments. */
export async function writeStarter(program: string, bundle: string): Promise<void> {
  const text = `#!/bin/sh\nexec ${quote(nodeProgram)} ${quote(bundle)} "$@"\n`;
  const now = await readFile(program, "utf8").catch(() => undefined);
  if (now !== text) await writeFileAtomic(program, text, 0o755);
}

type Bundler = (entry: string, outfile: string) => Promise<void>;

async function bundleWhole(bundlePlugin: Bundler, name: string, place: string): Promise<void> {
  const temporary = temporaryName(place);
  try {
    await bundlePlugin(path.join(checkout, "infra/plugins", name, "main.ts"), temporary);
    await rename(temporary, place);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** What plugins import from outside their folder: all that the import rule `plugins-alone` allows. */
const sourcesOutside = ["agents/lib/management.ts"];

/** The name of the bundles' folder. Changes with the plugins' sources and with their libraries (the lock file). */
export async function sourcesKey(): Promise<string> {
  const hash = createHash("sha256");
  const folder = path.join(checkout, "infra/plugins");
  const names = (await readdir(folder, { recursive: true }))
    .filter((name) => /(?<!\.test)\.(ts|json)$/.test(name))
    .sort();
  const others = [...sourcesOutside, "package-lock.json"].map((name) => path.join(checkout, name));
  const files = [...names.map((name) => path.join(folder, name)), ...others];
  const contents = await Promise.all(files.map((file) => readFile(file)));
  for (const [index, content] of contents.entries()) {
    hash.update(`${path.relative(checkout, files[index] ?? "")} ${content.length}\n`).update(content);
  }
  return hash.digest("hex").slice(0, 16);
}

/** Removes bundles of older sources, except those that a running engine may be about to start. */
async function removeOthers(folder: string, keep: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const place = path.join(folder, name);
    if (name !== keep && (await ageMs(place)) > maybeInUseMs) await rm(place, { recursive: true, force: true });
  }
}
