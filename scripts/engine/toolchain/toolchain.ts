import { createHash } from "node:crypto";
import { access, chmod, constants, copyFile, link, mkdir, realpath, rename, stat } from "node:fs/promises";
import path from "node:path";
import { UserError } from "../../../agents/lib/errors.ts";
import { cacheFolder, exists, temporaryName } from "../../lib/files.ts";
import { ProgramFailed } from "../../lib/lines.ts";
import { withLock } from "../../lib/machine-lock.ts";
import { ownFolder } from "../places.ts";
import { buildEngine } from "./build.ts";
import { downloadEngine, Unavailable } from "./download.ts";
import { NoGo } from "./go.ts";
import { findInstalled } from "./installed.ts";
import {
  adoptOfficial,
  officialProvider,
  ownHome,
  ownPlugins,
  type Plugin,
  withoutDebugLogs,
  writeStarter,
} from "./plugins.ts";
import { type Progress, showProgress } from "./progress.ts";
import { type PinnedVersions, type ProviderName, parseVersion, pinnedVersions } from "./versions.ts";

/** Origins of an engine, in the order in which they are tried. */
export type EngineOrigin = "installed" | "downloaded" | "built";

export interface Engine {
  readonly path: string;
  readonly origin: EngineOrigin;
  readonly version: string;
}

export interface Toolchain {
  /** The engine to start. Its language host is beside it. */
  readonly pulumi: string;
  readonly origin: EngineOrigin;
  readonly version: string;
  readonly plugins: readonly Plugin[];
  /** Environment variables that the engine needs for this toolchain, independent of a stack. */
  readonly env: Readonly<Record<string, string>>;
}

export interface ToolchainOptions {
  readonly progress?: Progress;
  /** Allows only this origin, e.g. to test it; `WARREN_ENGINE` in the environment does the same. */
  readonly only?: EngineOrigin | undefined;
  /** Another download server (tests, mirrors); `WARREN_ENGINE_RELEASES` in the environment does the same. */
  readonly releases?: string | undefined;
  /** Tries official plugins again that were refused recently. */
  readonly again?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Installs the Pulumi engine and the plugins that infra/ uses; silent if all are installed (about 20 ms).
 * Safe to run twice at once, and to be killed: unfinished files have another name, and the next run continues.
 *
 * @throws UserError with the remedies if no origin works.
 */
export async function ensureToolchain(options: ToolchainOptions = {}): Promise<Toolchain> {
  const progress = options.progress ?? showProgress();
  const pinned = pinnedVersions();
  // All files of this checkout are written here, so report first if that is not possible.
  await mkdir(ownFolder, { recursive: true });
  await access(ownFolder, constants.W_OK);
  const engine = await bringEngine(pinned, { ...options, progress });
  return withPlugins(engine, pinned, { ...options, progress });
}

/** The engine alone: the first one available, in the order of `EngineOrigin`. */
export async function bringEngine(
  pinned: PinnedVersions,
  options: ToolchainOptions & { progress: Progress },
): Promise<Engine> {
  const { progress } = options;
  const only = options.only ?? onlyFrom(process.env.WARREN_ENGINE);
  const allowed = (origin: EngineOrigin) => only === undefined || only === origin;
  const version = pinned.engine;
  const wanted = parseVersion(version) ?? [0, 0, 0];
  if (allowed("installed")) {
    const found = await findInstalled(wanted, (text) => progress.status(text));
    if (found) return { ...found, origin: "installed" };
  }
  const cached = await findCached(version, allowed);
  if (cached) return cached;

  const cache = cacheFolder();
  const tried: string[] = allowed("installed") ? [`no engine ${version} on PATH or in ~/.pulumi`] : [];
  return withLock(
    engineLock(cache),
    `another run, which is installing the engine ${version}`,
    async () => {
      // The previous holder of the lock may have installed it.
      const made = await findCached(version, allowed);
      if (made) return made;
      if (allowed("downloaded")) {
        const engine = await download(version, options).catch(noteInto(tried, progress));
        if (engine) return engine;
      }
      if (allowed("built")) {
        const engine = await build(version, cache, options).catch(noteInto(tried, progress));
        if (engine) return engine;
      }
      throw noEngine(version, tried);
    },
    (holder) => progress.line(`waiting for ${holder}`),
  );
}

function onlyFrom(text: string | undefined): EngineOrigin | undefined {
  if (!text) return undefined;
  if (text === "installed" || text === "downloaded" || text === "built") return text;
  throw new UserError(
    "WARREN_ENGINE",
    `installed, downloaded or built is expected, got ${text}`,
    "unset it to try all three",
  );
}

/** The lock of processes that install or remove engines in this cache folder. */
export const engineLock = (cache: string): string =>
  `toolchain/${createHash("sha256").update(cache).digest("hex").slice(0, 12)}`;

function engineFolder(origin: "downloaded" | "built", version: string): string {
  return path.join(cacheFolder(), "engine", `${version}-${origin}`);
}

async function findCached(version: string, allowed: (origin: EngineOrigin) => boolean): Promise<Engine | undefined> {
  for (const origin of ["downloaded", "built"] as const) {
    const program = path.join(engineFolder(origin, version), "pulumi");
    if (allowed(origin) && (await exists(program))) return { path: program, origin, version };
  }
  return undefined;
}

async function download(version: string, options: ToolchainOptions & { progress: Progress }): Promise<Engine> {
  const target = engineFolder("downloaded", version);
  const releases = options.releases ?? process.env.WARREN_ENGINE_RELEASES;
  await mkdir(path.dirname(target), { recursive: true });
  await downloadEngine({ version, target, progress: options.progress, ...(releases ? { releases } : {}) });
  return { path: path.join(target, "pulumi"), origin: "downloaded", version };
}

async function build(
  version: string,
  cache: string,
  options: ToolchainOptions & { progress: Progress },
): Promise<Engine> {
  const target = engineFolder("built", version);
  await buildEngine({ version, target, cache, progress: options.progress, signal: options.signal });
  return { path: path.join(target, "pulumi"), origin: "built", version };
}

/** An origin that does not work here is reported, and remembered for the final error. Any other error is a bug. */
function noteInto(tried: string[], progress: Progress): (error: unknown) => undefined {
  return (error) => {
    const expected = error instanceof Unavailable || error instanceof NoGo || error instanceof ProgramFailed;
    if (!expected) throw error;
    const lines = error instanceof ProgramFailed ? error.tail.slice(-5) : [];
    const way = error instanceof Unavailable ? "official engine not available" : "engine can't be built";
    const text = `${way}: ${[error.message, ...lines].join("\n    ")}`;
    tried.push(text);
    progress.line(text);
    return undefined;
  };
}

export function noEngine(version: string, tried: readonly string[]): UserError {
  return new UserError(
    "pulumi",
    `the engine can't be installed here${tried.map((text) => `\n  ${text}`).join("")}`,
    [
      "do one of these, then run this again:",
      `    put pulumi ${version} or a later 3.x on PATH (the unpacked archive of the vendor is enough)`,
      "    allow connections to get.pulumi.com (HTTPS_PROXY is honoured)",
      "    allow connections to a Go module proxy (GOPROXY), with Go on PATH or with python3 and pip",
    ].join("\n"),
  );
}

async function withPlugins(
  engine: Engine,
  pinned: PinnedVersions,
  options: { progress: Progress; again?: boolean },
): Promise<Toolchain> {
  const names: readonly ProviderName[] = ["command", "rabbitmq"];
  const official: Plugin[] = [];
  // If the engine could not be downloaded, its plugins can't either: they come from the same servers.
  if (engine.origin !== "built") {
    for (const name of names) {
      const plugin = await officialProvider(engine.path, name, pinned.providers[name], options);
      if (plugin) official.push(plugin);
    }
  }
  const host = await officialHost(engine);
  const compileCache = process.env.NODE_COMPILE_CACHE ?? path.join(ownFolder, "compile-cache");
  const env: Record<string, string> = {
    PULUMI_SKIP_UPDATE_CHECK: "1",
    // The engine asks a plugin what has changed in each resource; one after another took an eighth of a preview.
    PULUMI_PARALLEL_DIFF: "true",
    // Megabytes. The engine keeps 500 of its debug logs otherwise.
    PULUMI_LOG_ROTATION_MAX_TOTAL_MB: "50",
    // The engine runs for seconds: its garbage is collected a quarter as often, until there is much. A first `up` of thirteen hosts took 2.8 GB.
    GOGC: process.env.GOGC ?? "400",
    GOMEMLIMIT: process.env.GOMEMLIMIT ?? "1GiB",
    NODE_COMPILE_CACHE: compileCache,
  };
  if (host && official.length === names.length) return { ...toolchainOf(engine), plugins: [host, ...official], env };

  const own = await ownPlugins(pinned);
  const providers: Plugin[] = [];
  for (const plugin of own.providers) {
    const better = official.find(({ name }) => name === plugin.name);
    providers.push(better ? await adoptOfficial(better, plugin.name as ProviderName) : plugin);
  }
  // A plugin that is missing here can't be downloaded either, and trying would take half a minute.
  await withoutDebugLogs(ownHome);
  const homes = { PULUMI_HOME: ownHome, PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true" };
  if (host) return { ...toolchainOf(engine), plugins: [host, ...providers], env: { ...env, ...homes } };
  const beside = await engineWithHost(engine, own.host);
  const ownHost: Plugin = { name: "language-nodejs", version: pinned.engine, origin: "warren", path: beside.host };
  return {
    ...toolchainOf({ ...engine, path: beside.engine }),
    plugins: [ownHost, ...providers],
    env: { ...env, ...homes },
  };
}

function toolchainOf(engine: Engine): Pick<Toolchain, "pulumi" | "origin" | "version"> {
  return { pulumi: engine.path, origin: engine.origin, version: engine.version };
}

/** The language host beside the engine's real file, where the engine looks for it. */
async function officialHost(engine: Engine): Promise<Plugin | undefined> {
  const host = path.join(path.dirname(await realpath(engine.path)), "pulumi-language-nodejs");
  return (await exists(host))
    ? { name: "language-nodejs", version: engine.version, origin: "official", path: host }
    : undefined;
}

/**
 * A folder of this checkout with the engine and, beside it, warren's language host. If that were only on PATH, the engine would
 * warn at each run. The engine resolves symbolic links before it looks beside itself, so this is a hard link, or a copy where
 * cache and checkout are on different file systems.
 */
async function engineWithHost(engine: Engine, hostBundle: string): Promise<{ engine: string; host: string }> {
  const folder = path.join(ownFolder, "bin");
  const here = path.join(folder, "pulumi");
  const host = path.join(folder, "pulumi-language-nodejs");
  await writeStarter(host, hostBundle);
  const source = await realpath(engine.path);
  const [want, have] = await Promise.all([stat(source), stat(here).catch(() => undefined)]);
  const same = have && have.size === want.size && (have.ino === want.ino || have.mtimeMs >= want.mtimeMs);
  if (!same) {
    const temporary = temporaryName(here);
    await link(source, temporary).catch(async () => {
      await copyFile(source, temporary);
      await chmod(temporary, 0o755);
    });
    await rename(temporary, here);
  }
  return { engine: here, host };
}
