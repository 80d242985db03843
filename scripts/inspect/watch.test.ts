import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, createConnection, createServer as createTunnel, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Tunnel } from "../../infra/hosts/tunnel.ts";
import { firstThatAnswers, forward } from "./watch.ts";

let folder = "";
const servers: Server[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-watch-"));
});
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await rm(folder, { recursive: true, force: true });
});

/** The end of a tunnel, with a page behind it if the host has one. Like ssh's, it ends with this side's. */
async function tunnelTo(host: string, hasPage: boolean): Promise<Tunnel> {
  const path = join(folder, host);
  if (hasPage) {
    const page = createServer((request, response) => response.end(`${host} ${request.url}`)).listen(`${path}.page`);
    const tunnel = createTunnel((socket) => {
      const far = createConnection(`${path}.page`);
      socket
        .on("end", () => far.destroy())
        .pipe(far)
        .pipe(socket);
    }).listen(path);
    servers.push(page, tunnel);
    await Promise.all([page, tunnel].map((server) => once(server, "listening")));
  }
  return { path, lastWords: hasPage ? "" : "Connection refused", close: async () => {} };
}

test("uses the first monitor whose page answers, and forwards a port to it", async () => {
  const found = await firstThatAnswers("op", ["px-1", "px-2"], (host) => tunnelTo(host, host === "px-2"));
  expect(found.host).toBe("px-2");
  const server = await forward(found.tunnel, 0);
  const { port } = server.address() as AddressInfo;
  expect(await (await fetch(`http://127.0.0.1:${port}/view`)).text()).toBe("px-2 /view");
  server.close();
});

test("says why none answers, and that a stack has no monitor", async () => {
  await expect(firstThatAnswers("op", ["px-1"], (host) => tunnelTo(host, false))).rejects.toThrow(
    "no live page answers: px-1: Connection refused",
  );
  await expect(firstThatAnswers("op", [], (host) => tunnelTo(host, true))).rejects.toThrow(
    "no host with the role monitor",
  );
});
