import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { median } from "../../scripts/lib/statistics.ts";

/** Longer than any pause between two requests by one connection. */
const keepAliveMs = 60_000;
/** Node counts time in whole milliseconds: a timer comes up to one of them too early or too late. */
const timerErrorMs = 1;
/** Under this path the median of what requests have waited for their answers, as text; not a file's. */
export const waitedPath = "-/waited";

/**
 * `node web-server-process.ts ROOT DELAY_MS`: serves a folder's files, each answer so long after its request has come, and prints its port.
 * Ends when its standard input does, so that it never outlives who started it.
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

/** Before the wait, so that the answer takes no longer for it. */
function read(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

/** Not before that moment, and within a turn of the event loop after it: the last of the time is not left to a timer. */
function at(dueMs: number, work: () => void): void {
  const leftMs = dueMs - performance.now();
  if (leftMs <= 0) work();
  else if (leftMs <= 2 * timerErrorMs) setImmediate(at, dueMs, work);
  else setTimeout(at, Math.ceil(leftMs) - timerErrorMs, dueMs, work);
}

if (import.meta.main) await main(process.argv.slice(2));
