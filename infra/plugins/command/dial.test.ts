import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, expect, it } from "vitest";
import { newSshKey } from "../../hosts/new-key.ts";
import { DialError, dial } from "./dial.ts";

const servers: ReturnType<typeof createServer>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A host whose connections end in some way. */
async function listening(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer(onConnection).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const key = newSshKey();
const login = { user: "root", privateKey: key.private, hostKey: key.public };

const attempted = (port: number) =>
  dial(
    { host: "127.0.0.1", port, ...login, dialErrorLimit: 0, perDialTimeout: 60 },
    { signal: new AbortController().signal, onRetry: () => undefined },
  );

// ssh2 reports a reset twice: as a socket error and as an unfinished handshake. A second error without a listener crashes the process, and with it
// every step of every host. The test runner would report it as an uncaught error.
it.each<[string, (socket: Socket) => void]>([
  ["resets the connection once it is asked", (socket) => socket.once("data", () => socket.resetAndDestroy())],
  [
    "resets it in the midst of the handshake",
    (socket) => {
      socket.write("SSH-2.0-busy\r\n");
      socket.once("data", () => socket.resetAndDestroy());
    },
  ],
  ["closes it at once", (socket) => socket.end()],
])("a host that %s fails the login once, without an uncaught error", async (_, onConnection) => {
  const error = await attempted(await listening(onConnection)).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DialError);
  expect(error).toMatchObject({ failure: "unreachable" });
  // A late error comes with the end of the socket.
  await new Promise((resolve) => setImmediate(resolve));
});
