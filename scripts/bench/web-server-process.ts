import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

/** Longer than any pause between two requests by one connection. */
const keepAliveMs = 60_000;

/**
 * `node web-server-process.ts ROOT DELAY_MS`: serves a folder's files, each answer so long after its request, and prints its port.
 * Ends when its standard input does, so that it never outlives who started it.
 */
async function main([root = "", delayMs = "0"]: readonly string[]): Promise<void> {
  const waitMs = Number(delayMs);
  const server = createServer({ keepAliveTimeout: keepAliveMs }, (request, response) => {
    const answer = (): void => {
      try {
        const content = readFileSync(join(root, decodeURIComponent(request.url?.split("?")[0] ?? "/")));
        response.writeHead(200, { "content-length": content.length }).end(content);
      } catch {
        response.writeHead(404, { "content-length": 0 }).end();
      }
    };
    if (waitMs === 0) answer();
    else setTimeout(answer, waitMs);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  process.stdout.write(`${typeof address === "object" ? address?.port : ""}\n`);
  process.stdin.resume().once("end", () => process.exit(0));
}

if (import.meta.main) await main(process.argv.slice(2));
