import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { type BuildOptions, build } from "esbuild";
import { writeAtomicSync } from "../../agents/lib/atomic-file.ts";
import { UserError } from "../../agents/lib/errors.ts";
import { type ArtifactSource, type ArtifactSources, placedAgents } from "../model/types.ts";

/** How an agent becomes one file; part of what a bundle is made from. */
const bundleOptions = {
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  // CommonJS dependencies ask for their modules at run time, and for their folder.
  banner: {
    js: [
      "import { createRequire as __createRequire } from 'node:module';",
      "const require = __createRequire(import.meta.url);",
      "const __dirname = import.meta.dirname;",
    ].join(" "),
  },
  // ssh2's optional native parts stay outside and are not missed.
  external: ["cpu-features", "*.node"],
  logLevel: "silent",
} as const satisfies BuildOptions;

/** Compression of the runtime: level 6 takes 4 s once; more takes much longer for two percent. */
const gzipLevel = 6;

/**
 * What is brought to hosts as a file: the pinned Node and each agent as one bundle. Built into `.warren/artifacts` and kept there
 * until their sources change.
 *
 * @param checkout folder of the project
 * @throws UserError where the agents don't bundle, or this machine has no Linux Node to bring
 */
export async function buildArtifacts(checkout: string): Promise<ArtifactSources> {
  const folder = join(checkout, ".warren", "artifacts");
  mkdirSync(folder, { recursive: true });
  const [node, ...agents] = await Promise.all([
    nodeArtifact(checkout, folder),
    ...placedAgents.map(async (name) => [name, await bundle(name, agentSource(name), checkout, folder)] as const),
    bundle("subscriber", subscriberSource, checkout, folder).then((made) => ["subscriber", made] as const),
  ]);
  return { node, ...(Object.fromEntries(agents) as Omit<ArtifactSources, "node">) };
}

interface Made {
  readonly key: string;
  readonly artifact: ArtifactSource;
}

/** Makes an artifact unless the one that is there was made from the same key. */
async function cached(
  name: string,
  key: string,
  folder: string,
  make: () => Promise<ArtifactSource>,
): Promise<ArtifactSource> {
  const note = join(folder, `${name}.json`);
  const made = readMade(note);
  if (made?.key === key && isComplete(join(folder, "..", ".."), made.artifact)) return made.artifact;
  const artifact = await make();
  replace(note, JSON.stringify({ key, artifact } satisfies Made));
  return artifact;
}

/** What a run before noted; nothing where its note is missing or damaged: the artifact is then made again. */
function readMade(note: string): Made | undefined {
  try {
    return JSON.parse(readFileSync(note, "utf8")) as Made;
  } catch {
    return undefined;
  }
}

/**
 * Is the file the noted one? Two runs at once, with a change between them, could leave one's file beside the other's note. The runtime,
 * which never changes so, is not read again: it has over a hundred megabytes.
 */
function isComplete(checkout: string, { source, sha256: digest }: ArtifactSource): boolean {
  const file = join(checkout, source);
  return existsSync(file) && (source.endsWith(".gz") || sha256(readFileSync(file)) === digest);
}

async function nodeArtifact(checkout: string, folder: string): Promise<ArtifactSource> {
  const binary = join(checkout, "node_modules", "node", "bin", "node");
  if (process.platform !== "linux" || !existsSync(binary)) {
    throw new UserError(
      "node",
      "there is no Linux build of Node here to bring to the hosts",
      "run warren on Linux, after `npm ci`",
    );
  }
  const { size, mtimeMs } = statSync(binary);
  return cached("node", `${size} ${mtimeMs}`, folder, async () => {
    const content = readFileSync(binary);
    const compressed = gzipSync(content, { level: gzipLevel });
    replace(join(folder, "node.gz"), compressed);
    return {
      source: ".warren/artifacts/node.gz",
      sha256: sha256(compressed),
      installedSha256: sha256(content),
      bytes: content.length,
    };
  });
}

/** What is bundled: the file that begins, and all that it may be made of. */
interface BundleSource {
  readonly entry: string;
  readonly globs: readonly string[];
}

const agentSource = (name: string): BundleSource => ({
  entry: `agents/${name}/main.ts`,
  globs: ["agents/lib/**/*.ts", `agents/${name}/**/*.ts`],
});

/** The client that subscribers begin theirs with. */
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
      write: false,
    }).catch((error: Error) => {
      throw new UserError(dirname(from.entry), `doesn't bundle: ${error.message}`, "run `npm run check`", {
        cause: error,
      });
    });
    const content = result.outputFiles[0]?.contents;
    if (!content) throw new TypeError("esbuild gave no file");
    replace(outfile, content);
    const digest = sha256(content);
    return { source: `.warren/artifacts/${name}.mjs`, sha256: digest, installedSha256: digest, bytes: content.length };
  });
}

const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");

/** Also with two runs at once. */
const replace = (file: string, content: string | Uint8Array): void =>
  writeAtomicSync(file, content, { mode: 0o644, temporary: `${file}.${process.pid}` });
