import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { type Dispatcher, EnvHttpProxyAgent, interceptors, request } from "undici";
import { askVersion } from "./installed.ts";
import type { Progress } from "./progress.ts";

const run = promisify(execFile);

/** The vendor's releases and their checksums (`pulumi-VERSION-checksums.txt`, one sha256 per line). */
export const officialReleases = "https://get.pulumi.com/releases/sdk";

/** A server that is silent for this long counts as not available: while connecting, before the answer, and between two chunks of it. */
export const silenceMs = 5_000;

/** The download is not available here; the message says why. Not the user's error: the next way is tried. */
export class Unavailable extends Error {}

export interface DownloadOptions {
  readonly version: string;
  /** The folder to create for `pulumi` and the language hosts. */
  readonly target: string;
  readonly progress: Progress;
  readonly releases?: string;
  readonly silenceMs?: number;
}

/**
 * Downloads a release of the engine, compares its sha256 with the published one and unpacks it into `target`.
 *
 * @throws Unavailable where the server refuses or is silent, there is no release for this platform, or the checksum differs.
 */
export async function downloadEngine(options: DownloadOptions): Promise<void> {
  const { version, target, progress, releases = officialReleases } = options;
  const archive = archiveName(version, process.platform, process.arch);
  const limit = options.silenceMs ?? silenceMs;
  // Uses the proxies of the environment (HTTPS_PROXY, NO_PROXY), as npm and curl do.
  const agent = new EnvHttpProxyAgent({ connect: { timeout: limit }, headersTimeout: limit, bodyTimeout: limit });
  const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: 3 }));
  const work = `${target}.download`;
  try {
    progress.line(`trying the official engine ${version}`);
    const checksums = await text(`${releases}/pulumi-${version}-checksums.txt`, dispatcher);
    const expected = checksumOf(checksums, archive);
    await mkdir(work, { recursive: true });
    const file = path.join(work, archive);
    const actual = await save(`${releases}/${archive}`, file, dispatcher, (text) => progress.status(text));
    if (actual !== expected) throw new Unavailable(`${archive}: sha256 ${expected} is published, got ${actual}`);
    await run("tar", ["-xzf", file, "-C", work]);
    // The archive holds one folder, `pulumi`, with the engine and the language hosts in it.
    const engine = path.join(work, "pulumi");
    const said = await askVersion(path.join(engine, "pulumi"));
    if (said !== version)
      throw new Unavailable(`${archive}: holds engine ${said ?? "that does not run"}, not ${version}`);
    await rename(engine, target);
  } catch (error) {
    throw error instanceof Unavailable ? error : new Unavailable(reasonOf(error), { cause: error });
  } finally {
    await rm(work, { recursive: true, force: true });
    // Drop the rest of the response: waiting for it would mean waiting for a silent server.
    await agent.destroy();
  }
}

export function archiveName(version: string, platform: string, arch: string): string {
  const known = (platform === "linux" || platform === "darwin") && (arch === "x64" || arch === "arm64");
  if (!known) throw new Unavailable(`no engine is published for ${platform} on ${arch}`);
  return `pulumi-v${version}-${platform}-${arch}.tar.gz`;
}

/** The sha256 of one archive in a list of `HEX  NAME` lines. */
export function checksumOf(list: string, archive: string): string {
  for (const line of list.split("\n")) {
    const [hex, name] = line.trim().split(/\s+\*?/);
    if (name === archive && hex && /^[0-9a-f]{64}$/.test(hex)) return hex;
  }
  throw new Unavailable(`the published checksums do not name ${archive}`);
}

/** Whether a server gives any answer. If it refuses or is silent, nothing can be downloaded from it. */
export async function answers(url: string, limitMs = silenceMs): Promise<boolean> {
  const dispatcher = new EnvHttpProxyAgent({ connect: { timeout: limitMs }, headersTimeout: limitMs });
  try {
    const { body } = await request(url, { dispatcher, method: "HEAD" });
    await body.dump();
    return true;
  } catch {
    return false;
  } finally {
    await dispatcher.destroy();
  }
}

async function get(url: string, dispatcher: Dispatcher): Promise<Dispatcher.ResponseData> {
  const response = await request(url, { dispatcher });
  if (response.statusCode !== 200) {
    response.body.on("error", () => {}).destroy();
    throw new Unavailable(`${url}: HTTP ${response.statusCode}`);
  }
  return response;
}

async function text(url: string, dispatcher: Dispatcher): Promise<string> {
  return (await get(url, dispatcher)).body.text();
}

/** Saves a URL to a file and returns the content's sha256. */
async function save(
  url: string,
  file: string,
  dispatcher: Dispatcher,
  status: (text: string) => void,
): Promise<string> {
  const response = await get(url, dispatcher);
  const total = Number(response.headers["content-length"] ?? 0);
  const hash = createHash("sha256");
  let received = 0;
  await pipeline(
    response.body,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        received += chunk.length;
        status(`downloading the engine: ${megabytes(received)}${total ? ` of ${megabytes(total)}` : ""} MB`);
        yield chunk;
      }
    },
    createWriteStream(file),
  );
  return hash.digest("hex");
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

/** The innermost cause of a network error, which says what happened: `connect ECONNREFUSED …`, `getaddrinfo ENOTFOUND …`. */
function reasonOf(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  if (inner instanceof AggregateError && inner.errors[0] instanceof Error) inner = inner.errors[0];
  return inner instanceof Error ? inner.message : String(inner);
}
