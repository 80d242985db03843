import { once } from "node:events";
import { createServer } from "node:net";
import { UserError } from "../../agents/lib/errors.ts";

/** A free port of 127.0.0.1: the wanted one, or any. Fails at once, instead of after a failed boot of the broker. */
export async function freePort(wanted = 0): Promise<number> {
  const server = createServer();
  server.listen(wanted, "127.0.0.1");
  await once(server, "listening").catch((cause: NodeJS.ErrnoException) => {
    const remedy = "omit the port to use a free one, or stop the process that uses it (ss -ltnp shows it)";
    throw new UserError("local broker", `port ${wanted} can't be used: ${cause.code}`, remedy, { cause });
  });
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
