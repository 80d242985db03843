import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { request } from "undici";
import { UserError } from "../../agents/lib/errors.ts";
import { endingWithParent } from "../../agents/lib/with-parent.ts";
import { poll } from "../../scripts/lib/poll.ts";
import { freePort } from "../../scripts/traffic/free-port.ts";
import type { Cleanup } from "../rigs/cleanup.ts";

const run = promisify(execFile);

/** The bench's web server process on 127.0.0.1. */
export interface WebServer {
  /** Ends in a slash. */
  readonly baseUrl: string;
  /** Its name and version. */
  readonly what: string;
  readonly pids: readonly number[];
}

const installed = "/usr/sbin/nginx";
const readyWithinMs = 15_000;
const probeMs = 20;

/**
 * nginx with a folder as its document root, without a log, with keep-alive. Uses the installed nginx, or the distribution's package,
 * unpacked into `directory`. Undefined if neither is available.
 */
export async function startNginx(root: string, directory: string, cleanup: Cleanup): Promise<WebServer | undefined> {
  const program = existsSync(installed) ? installed : await unpackNginx(directory);
  if (program === undefined) return undefined;
  const port = await freePort();
  const prefix = join(directory, "nginx");
  await mkdir(prefix);
  const configFile = join(prefix, "nginx.conf");
  await writeFile(configFile, configuration(root, prefix, port));
  const argv = [program, "-p", prefix, "-c", configFile, "-e", join(prefix, "error.log")];
  const [command, ...args] = endingWithParent(argv);
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const exited = once(child, "exit");
  cleanup.add(async () => {
    child.kill("SIGTERM");
    await exited;
  });
  const baseUrl = `http://127.0.0.1:${port}/`;
  await untilAnswering(
    baseUrl,
    () => child.exitCode ?? child.signalCode,
    () => output,
  );
  const { stderr } = await run(program, ["-v"]);
  const what = stderr.trim().replace(/^nginx version: nginx\//, "nginx ");
  return { baseUrl, what, pids: [child.pid ?? 0, ...(await childrenOf(child.pid ?? 0))] };
}

/** One worker, which needs only a part of one processor. */
function configuration(root: string, prefix: string, port: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return [
    // Otherwise the workers of root's nginx run as nobody, who can't read root's folder.
    ...(process.getuid?.() === 0 ? ["user root root;"] : []),
    "daemon off;",
    "worker_processes 1;",
    `pid ${join(prefix, "pid")};`,
    "events { worker_connections 256; }",
    "http {",
    ...temporary.map((name) => `  ${name}_temp_path ${join(prefix, name)};`),
    "  access_log off;",
    "  sendfile on;",
    "  tcp_nopush on;",
    "  keepalive_timeout 60;",
    "  keepalive_requests 1000000;",
    "  default_type application/octet-stream;",
    `  server { listen 127.0.0.1:${port}; root ${root}; }`,
    "}",
    "",
  ].join("\n");
}

async function unpackNginx(directory: string): Promise<string | undefined> {
  const packages = join(directory, "packages");
  await mkdir(packages);
  try {
    await run("apt-get", ["-q", "download", "nginx"], { cwd: packages });
    for (const name of await readdir(packages)) await run("dpkg", ["-x", join(packages, name), packages]);
  } catch {
    // No apt, no lists or no network: the caller decides.
    return undefined;
  }
  const program = join(packages, installed);
  return (await run(program, ["-v"]).catch(() => undefined)) && program;
}

async function untilAnswering(url: string, exit: () => unknown, output: () => string): Promise<void> {
  const asked = async () => {
    const answer = await request(url).catch(() => undefined);
    await answer?.body.dump();
    return answer ? "answers" : exit() !== null && "has exited";
  };
  if ((await poll(asked, { everyMs: probeMs, withinMs: readyWithinMs })) !== "answers")
    throw new UserError("nginx", `does not answer: ${output()}`);
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "latin1").catch(() => "");
  return text.trim().split(" ").filter(Boolean).map(Number);
}
