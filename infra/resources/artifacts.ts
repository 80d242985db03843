import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { constants, zstdCompressSync } from "node:zlib";
import { type BuildOptions, build } from "esbuild";
import { writeAtomicSync } from "../../agents/lib/atomic-file.ts";
import { UserError } from "../../agents/lib/errors.ts";
import { buildAssets } from "../../agents/monitor/assets.ts";
import { type ArtifactSource, type ArtifactSources, placedAgents } from "../model/types.ts";

/** How an agent is bundled into one file. A change rebuilds every bundle. */
const bundleOptions = {
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  // CommonJS dependencies use `require` and `__dirname` at run time.
  banner: {
    js: [
      "import { createRequire as __createRequire } from 'node:module';",
      "const require = __createRequire(import.meta.url);",
      "const __dirname = import.meta.dirname;",
    ].join(" "),
  },
  // ssh2's optional native modules are left out; it works without them.
  external: ["cpu-features", "*.node", "esbuild"],
  logLevel: "silent",
} as const satisfies BuildOptions;

/**
 * Compression of the runtime: 37 MB by level 9, in 3 s, once; level 12 takes twice as long and saves two percent. A host unpacks it in a quarter of
 * the time that gzip's 46 MB take.
 */
const compression = { [constants.ZSTD_c_compressionLevel]: 9, [constants.ZSTD_c_windowLog]: 24 };

/**
 * Builds the files that hosts get as copies: the pinned Node and one bundle per agent. They are kept in `.warren/artifacts` until their sources
 * change.
 *
 * @param checkout folder of the project
 * @throws UserError if the agents can't be bundled, or this machine has no Linux build of Node
 */
export async function buildArtifacts(checkout: string): Promise<ArtifactSources> {
  const folder = folderIn(checkout);
  const [node, ...agents] = await Promise.all([
    nodeArtifact(checkout, folder),
    ...placedAgents.map(async (name) => [name, await bundle(name, agentSource(name), checkout, folder)] as const),
    bundle("subscriber", subscriberSource, checkout, folder).then((built) => ["subscriber", built] as const),
  ]);
  return { node, ...(Object.fromEntries(agents) as Omit<ArtifactSources, "node">) };
}

/**
 * Builds one agent's bundle, unless it is there and current.
 *
 * @param checkout folder of the project
 * @returns its file
 * @throws UserError if the agent can't be bundled
 */
export async function buildBundle(name: (typeof placedAgents)[number], checkout: string): Promise<string> {
  const folder = folderIn(checkout);
  return join(checkout, (await bundle(name, agentSource(name), checkout, folder)).source);
}

function folderIn(checkout: string): string {
  const folder = join(checkout, ".warren", "artifacts");
  mkdirSync(folder, { recursive: true });
  return folder;
}

interface Built {
  readonly key: string;
  readonly artifact: ArtifactSource;
}

/** Builds an artifact unless the existing one was built from the same key. */
async function cached(
  name: string,
  key: string,
  folder: string,
  build: () => Promise<ArtifactSource>,
): Promise<ArtifactSource> {
  const record = join(folder, `${name}.json`);
  const built = readBuilt(record);
  if (built?.key === key && isComplete(join(folder, "..", ".."), built.artifact)) return built.artifact;
  const artifact = await build();
  replace(record, JSON.stringify({ key, artifact } satisfies Built));
  return artifact;
}

/** The record of an earlier build; undefined if it is missing or damaged, and the artifact is then built again. */
function readBuilt(record: string): Built | undefined {
  try {
    return JSON.parse(readFileSync(record, "utf8")) as Built;
  } catch {
    return undefined;
  }
}

/**
 * Whether the file is the recorded one. Two concurrent runs with a change between them could leave the file of one with the record of the
 * other. The runtime does not change that way, and is not read again because it has over a hundred megabytes.
 */
function isComplete(checkout: string, { source, sha256: digest }: ArtifactSource): boolean {
  const file = join(checkout, source);
  return existsSync(file) && (source.endsWith(".zst") || sha256(readFileSync(file)) === digest);
}

async function nodeArtifact(checkout: string, folder: string): Promise<ArtifactSource> {
  const binary = join(checkout, "node_modules", `node-linux-${process.arch}`, "bin", "node");
  if (process.platform !== "linux" || !existsSync(binary)) {
    throw new UserError(
      "node",
      "this machine has no Linux build of Node for the hosts",
      "run warren on Linux, after `npm ci`",
    );
  }
  const { size, mtimeMs } = statSync(binary);
  return cached("node", `zstd ${JSON.stringify(compression)} ${size} ${mtimeMs}`, folder, async () => {
    const content = readFileSync(binary);
    const compressed = zstdCompressSync(content, { params: compression });
    replace(join(folder, "node.zst"), compressed);
    return {
      source: ".warren/artifacts/node.zst",
      sha256: sha256(compressed),
      installedSha256: sha256(content),
      bytes: content.length,
    };
  });
}

/** A bundle's entry file, and the files that it may include. */
interface BundleSource {
  readonly entry: string;
  readonly globs: readonly string[];
  /** Constants of the bundle that take work to make, as JavaScript; made only if the bundle is. */
  readonly define?: (checkout: string) => Promise<Record<string, string>>;
}

const agentSource = (name: (typeof placedAgents)[number]): BundleSource => ({
  entry: `agents/${name}/main.ts`,
  globs: ["agents/lib/**/*.ts", `agents/${name}/**/*.{ts,css}`],
  // Hosts have no bundler for what browsers get.
  ...(name === "monitor"
    ? { define: async (checkout) => ({ WARREN_PAGE_ASSETS: JSON.stringify(await buildAssets(checkout)) }) }
    : {}),
});

/** The example client for subscribers. */
const subscriberSource: BundleSource = { entry: "docs/subscribe/client.ts", globs: ["docs/subscribe/client.ts"] };

async function bundle(name: string, from: BundleSource, checkout: string, folder: string): Promise<ArtifactSource> {
  const sources = globSync([...from.globs, "package-lock.json"], { cwd: checkout })
    .filter((file) => !file.endsWith(".test.ts"))
    .toSorted();
  const digests = sources.map((file) => `${file} ${sha256(readFileSync(join(checkout, file)))}`);
  const key = sha256([JSON.stringify(bundleOptions), ...digests].join("\n"));
  return cached(name, key, folder, async () => {
    const outfile = join(folder, `${name}.mjs`);
    const result = await build({
      absWorkingDir: checkout,
      entryPoints: [from.entry],
      ...bundleOptions,
      define: (await from.define?.(checkout)) ?? {},
      write: false,
    }).catch((error: Error) => {
      throw new UserError(dirname(from.entry), `can't be bundled: ${error.message}`, "run `npm run check`", {
        cause: error,
      });
    });
    const content = result.outputFiles[0]?.contents;
    if (!content) throw new TypeError("esbuild returned no file");
    replace(outfile, content);
    const digest = sha256(content);
    return { source: `.warren/artifacts/${name}.mjs`, sha256: digest, installedSha256: digest, bytes: content.length };
  });
}

const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");

/** Atomic, because runs may be concurrent. */
const replace = (file: string, content: string | Uint8Array): void =>
  writeAtomicSync(file, content, { mode: 0o644, temporary: `${file}.${process.pid}` });
