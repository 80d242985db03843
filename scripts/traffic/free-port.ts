import { once } from "node:events";
import { createServer } from "node:net";
import { UserError } from "../../agents/lib/errors.ts";

/** A port of 127.0.0.1 that nobody listens on: the one wanted, or any. Told at once, not after a boot in vain. */
export async function freePort(wanted = 0): Promise<number> {
  const server = createServer();
  server.listen(wanted, "127.0.0.1");
  await once(server, "listening").catch((cause: NodeJS.ErrnoException) => {
    const remedy = "leave the port out and a free one is taken, or end what listens there (ss -ltnp shows it)";
    throw new UserError("local broker", `port ${wanted} can't be had: ${cause.code}`, remedy, { cause });
  });
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
