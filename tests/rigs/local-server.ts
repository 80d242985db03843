import { once } from "node:events";
import { createServer, type RequestListener, type ServerOptions } from "node:http";
import type { AddressInfo } from "node:net";

/** A server on a free port of loopback. */
export interface LocalServer {
  /** `http://127.0.0.1:PORT/` */
  readonly baseUrl: string;
  /** Stops listening. Safe to call twice. */
  close(): Promise<void>;
}

export async function startLocalServer(listener: RequestListener, options: ServerOptions = {}): Promise<LocalServer> {
  const server = createServer(options, listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
