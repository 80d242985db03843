import { once } from "node:events";
import { open } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

/** Serves one URP's folder as its web server would: `GET` of files, with keep-alive, on this machine only. */
export interface ProductServer {
  /** `http://127.0.0.1:PORT/`, which also identifies this URP for the tap. */
  readonly baseUrl: string;
  /** Stops listening. Safe to call twice. */
  close(): Promise<void>;
}

/** Longer than any pause between products, so that a puller's connection isn't closed before its next request. */
const keepAliveMs = 60_000;

export async function serveProducts(directory: string): Promise<ProductServer> {
  const server = createServer({ keepAliveTimeout: keepAliveMs }, (request, response) => {
    answer(directory, request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { baseUrl: `http://127.0.0.1:${portOf(server)}/`, close: () => close(server) };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("listens on no port");
  return address.port;
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}

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
