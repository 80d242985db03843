import { open } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type LocalServer, startLocalServer } from "./local-server.ts";

/** Longer than any pause between products, so that a puller's connection isn't closed before its next request. */
const keepAliveMs = 60_000;

/** Its URL also identifies this URP for the tap. */
export type ProductServer = LocalServer;

/** Serves one URP's folder as its web server would: `GET` of files, with keep-alive. */
export const serveProducts = (directory: string): Promise<ProductServer> =>
  startLocalServer((request, response) => void answer(directory, request, response).catch(() => response.destroy()), {
    keepAliveTimeout: keepAliveMs,
  });

async function answer(directory: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== "GET") return refuse(response, 405);
  const path = pathOf(request.url ?? "/");
  if (path === undefined) return refuse(response, 400);
  const file = await open(join(directory, path)).catch(() => undefined);
  if (file === undefined) return refuse(response, 404);
  try {
    const { size } = await file.stat().then((found) => (found.isFile() ? found : { size: undefined }));
    if (size === undefined) return refuse(response, 404);
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": size });
    await pipeline(file.createReadStream({ autoClose: false, ...(size > 0 ? { end: size - 1 } : {}) }), response);
  } finally {
    await file.close();
  }
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { "content-length": 0 }).end();
}

/** The path below the folder; undefined if the URL is malformed or leaves it. */
function pathOf(url: string): string | undefined {
  try {
    const path = decodeURIComponent(url.split("?")[0] ?? "");
    return path.startsWith("/") && !path.split("/").includes("..") && !path.includes("\0") ? path : undefined;
  } catch {
    return undefined;
  }
}
