import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { FTPContext } from "basic-ftp";
import { afterEach, expect, test } from "vitest";
import { openData } from "./ftp-data.ts";

const server = createServer();
const control = new FTPContext();

afterEach(() => {
  control.close();
  server.close();
});

test("a data connection that fails before its first byte keeps its error for the upload and affects nothing else", async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  control.socket = connect({ host: "127.0.0.1", port });
  const [other] = (await once(server, "connection")) as [Socket];
  other.on("data", () => other.write(`229 Entering Extended Passive Mode (|||${port}|)\r\n`));
  const accepted = once(server, "connection");
  const data = await openData(control, { mode: "passive", timeoutMs: 5000 });
  const socket = await data.socket();
  const closed = new Promise((resolve) => socket.once("close", resolve));
  const [theirs] = (await accepted) as [Socket];
  theirs.resetAndDestroy();
  await closed;
  expect(socket.errored).toMatchObject({ code: "ECONNRESET" });
});
