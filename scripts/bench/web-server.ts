import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { UserError } from "../../agents/lib/errors.ts";
import type { Cleanup } from "../flow/cleanup.ts";
import type { WebServer } from "./nginx.ts";

/** Node's own HTTP server in a process of its own; each answer comes so long after its request. */
export async function startNodeServer(root: string, delayMs: number, cleanup: Cleanup): Promise<WebServer> {
  const program = fileURLToPath(new URL("web-server-process.ts", import.meta.url));
  const child = spawn(process.execPath, [program, root, String(delayMs)], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  cleanup.add(async () => {
    child.stdin.end();
    await ended;
  });
  const lines = createInterface({ input: child.stdout });
  const [port] = await Promise.race([
    once(lines, "line") as Promise<[string]>,
    ended.then(() => {
      throw new UserError("web server", "ended before it listened");
    }),
  ]);
  return { baseUrl: `http://127.0.0.1:${port}/`, what: `Node ${process.version}`, pids: [child.pid ?? 0] };
}
