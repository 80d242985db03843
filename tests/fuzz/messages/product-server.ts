import type { ServerResponse } from "node:http";
import type { Cleanup } from "../../rigs/cleanup.ts";
import { startLocalServer } from "../../rigs/local-server.ts";

/** A product's size in the name of its folder. */
const sizeInPath = /\/s([1-9][0-9]?)\//;

/** Serves every product whose folder contains its size. Answers like a broken server if the folder is a key of `oddAnswers`. */
export async function startProductServer(cleanup: Cleanup): Promise<URL> {
  const server = await startLocalServer(({ url = "" }, response) => {
    const size = sizeInPath.exec(url)?.[1];
    const odd = Object.entries(oddAnswers).find(([name]) => url.includes(`/${name}/`));
    if (odd) odd[1](response);
    else if (size === undefined) response.writeHead(404).end("no such product");
    else response.end(Buffer.alloc(Number(size), 120));
  });
  cleanup.add(() => server.close());
  return new URL(server.baseUrl);
}

/** Answers of broken servers, by folder. */
export const oddAnswers: Readonly<Record<string, (response: ServerResponse) => void>> = {
  "redirect-to-metadata": (response) => response.writeHead(302, { location: "http://169.254.169.254/" }).end(),
  "redirect-in-a-circle": (response) => response.writeHead(301, { location: "/redirect-in-a-circle/" }).end(),
  "status-299": (response) => response.writeHead(299).end("x"),
  "status-500": (response) => response.writeHead(500).end("x".repeat(100_000)),
  "more-than-announced": (response) => response.end("x".repeat(1_000_000)),
  "less-than-announced": (response) =>
    response.writeHead(200, { "content-length": "1000" }).write("x", () => response.destroy()),
  "two-lengths": (response) =>
    response.socket?.end("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx"),
  "no-http": (response) => response.socket?.end("\0\xff\r\n\r\n"),
  "headers-without-end": (response) => response.socket?.end(`HTTP/1.1 200 OK\r\nx: ${"x".repeat(100_000)}`),
  "gzip-bomb": (response) => response.writeHead(200, { "content-encoding": "gzip" }).end(Buffer.alloc(100)),
  "closed-at-once": (response) => response.destroy(),
};
