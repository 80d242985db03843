import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeCertificate } from "../../tests/rigs/test-certificates.ts";
import { ManagementApi } from "./management-api.ts";

test("a new CA in its file is trusted at the next call, when the server shows a certificate signed by it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "warren-management-"));
  const [first, second] = await Promise.all(
    ["first", "second"].map((name) => makeCertificate(folder, name, ["IP:127.0.0.1"])),
  );
  if (!first || !second) throw new TypeError("no certificates");
  const caFile = join(folder, "ca.pem");
  const passwordFile = join(folder, "password");
  await Promise.all([copyFile(first.caFile, caFile), writeFile(passwordFile, "secret")]);
  const pairOf = async ({ certificateFile, keyFile }: typeof first) => ({
    cert: await readFile(certificateFile),
    key: await readFile(keyFile),
  });
  const server = createServer(await pairOf(first), (_, answer) => {
    // The broker's certificate is renewed between two connections.
    answer.setHeader("connection", "close").end(JSON.stringify({ page_count: 1, total_count: 0, items: [] }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const management = {
    ...{ urls: [`https://127.0.0.1:${port}`], user: "root", passwordFile, caFile, requestTimeoutMs: 5000 },
  };
  const api = new ManagementApi({ management, queuesMax: 10, signal: new AbortController().signal });
  try {
    expect(await api.queues("/")).toEqual({ queues: [], unknown: [] });
    server.setSecureContext(await pairOf(second));
    await expect(api.queues("/")).rejects.toThrow(/certificate/);
    await copyFile(second.caFile, caFile);
    expect(await api.queues("/")).toEqual({ queues: [], unknown: [] });
    // The HTTP agent that trusts the second CA is reused, and meets the first CA again.
    server.setSecureContext(await pairOf(first));
    await copyFile(first.caFile, caFile);
    expect(await api.queues("/")).toEqual({ queues: [], unknown: [] });
  } finally {
    await api.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  }
});
