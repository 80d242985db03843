import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { request } from "undici";
import { UserError } from "../../agents/lib/errors.ts";
import type { Cleanup } from "../rigs/cleanup.ts";
import type { WebServer } from "./nginx.ts";
import { waitedPath } from "./web-server-process.ts";

/** A slow web server. */
export interface LateServer extends WebServer {
  /** Median milliseconds from request to answer, so far. */
  waitedMs(): Promise<number>;
}

/** Node's HTTP server in its own process. Each answer comes `delayMs` after its request. */
export async function startNodeServer(root: string, delayMs: number, cleanup: Cleanup): Promise<LateServer> {
  const program = fileURLToPath(new URL("web-server-process.ts", import.meta.url));
  const child = spawn(process.execPath, [program, root, String(delayMs)], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  cleanup.add(async () => {
    child.stdin.end();
    await exited;
  });
  const lines = createInterface({ input: child.stdout });
  const [port] = await Promise.race([
    once(lines, "line") as Promise<[string]>,
    exited.then(() => {
      throw new UserError("web server", "exited before it listened");
    }),
  ]);
  const baseUrl = `http://127.0.0.1:${port}/`;
  return {
    baseUrl,
    what: `Node ${process.version}`,
    pids: [child.pid ?? 0],
    async waitedMs() {
      const { body } = await request(baseUrl + waitedPath);
      return Number(await body.text());
    },
  };
}
