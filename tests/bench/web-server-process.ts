import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { median } from "../../scripts/lib/statistics.ts";

/** Longer than any pause between two requests on one connection. */
const keepAliveMs = 60_000;
/** Node's timers have a resolution of one millisecond, so a timer may be 1 ms early or late. */
const timerErrorMs = 1;
/** Path of the median delay of answers, as text; not a file. */
export const waitedPath = "-/waited";

/**
 * `node web-server-process.ts ROOT DELAY_MS`: serves a folder's files, each answer DELAY_MS after its request, and prints its port. Exits
 * when its standard input closes, so that it never outlives its parent.
 */
async function main([root = "", delayMs = "0"]: readonly string[]): Promise<void> {
  const waitMs = Number(delayMs);
  const waited: number[] = [];
  const server = createServer({ keepAliveTimeout: keepAliveMs }, (request, response) => {
    const cameMs = performance.now();
    const path = decodeURIComponent(request.url?.split("?")[0] ?? "/");
    if (path === `/${waitedPath}`) {
      response.end(String(waited.length === 0 ? 0 : median(waited)));
      return;
    }
    const content = read(join(root, path));
    at(cameMs + waitMs, () => {
      waited.push(performance.now() - cameMs);
      response.writeHead(content ? 200 : 404, { "content-length": content?.length ?? 0 }).end(content);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  process.stdout.write(`${typeof address === "object" ? address?.port : ""}\n`);
  process.stdin.resume().once("end", () => process.exit(0));
}

/** Reads the file before the wait, so that it adds no delay. */
function read(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

/** Runs `work` at `dueMs`, at most one turn of the event loop late: the last milliseconds are not left to a timer. */
function at(dueMs: number, work: () => void): void {
  const leftMs = dueMs - performance.now();
  if (leftMs <= 0) work();
  else if (leftMs <= 2 * timerErrorMs) setImmediate(at, dueMs, work);
  else setTimeout(at, Math.ceil(leftMs) - timerErrorMs, dueMs, work);
}

if (import.meta.main) await main(process.argv.slice(2));
