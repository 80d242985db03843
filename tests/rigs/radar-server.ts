import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { productKey } from "../../agents/lib/announcement.ts";
import { codecV00 } from "../../agents/lib/codec-v00.ts";

/** How the server answers. */
export type Manner = "serves" | "hangs" | "breaks off" | "has nothing" | "is overloaded" | "gives a wrong size";

/**
 * A radar server for tests: serves any product, with its own bytes and stamp. It can die and restart at the same address.
 */
export class RadarServer {
  readonly urp: 1 | 2;
  manner: Manner = "serves";
  /** Number of requests so far. */
  requests = 0;
  /** Awaited before each answer. */
  beforeAnswer: (file: string) => void | Promise<void> = () => {};
  #server: Server | undefined;
  #port = 0;

  constructor(urp: 1 | 2) {
    this.urp = urp;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const server = createServer(async (request, response) => {
      this.requests += 1;
      const file = decodeURIComponent((request.url ?? "").split("/").at(-1) ?? "");
      await this.beforeAnswer(file);
      this.#answer(file, response);
    });
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Stops listening. */
  async die(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }

  fileOf(product: string): string {
    return `${product}:URP:IWA:RADAR:META::2015012018090${this.urp}`;
  }

  contentOf(file: string): Buffer {
    return Buffer.from(`${file} `.repeat(50 + this.urp));
  }

  announcementOf(product: string): Buffer {
    const file = this.fileOf(product);
    const message = codecV00.format({
      baseUrl: `${this.origin}/`,
      relPath: `db/20150120/RADAR/URP/IWA/${file}`,
      sizeBytes: this.contentOf(file).length,
      key: productKey(file),
    });
    if (!message.ok) throw new Error(message.reason);
    return message.value.body;
  }

  #answer(file: string, response: ServerResponse): void {
    const content = this.contentOf(file);
    switch (this.manner) {
      case "serves":
        response.end(content);
        return;
      case "hangs":
        return;
      case "breaks off":
        response.writeHead(200, { "content-length": content.length });
        response.write(content.subarray(0, 10), () => response.destroy());
        return;
      case "has nothing":
        response.writeHead(404).end();
        return;
      case "is overloaded":
        response.writeHead(503).end();
        return;
      case "gives a wrong size":
        response.end(content.subarray(1));
    }
  }
}
