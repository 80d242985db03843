import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Downloader, type DownloadOptions } from "./download.ts";

let server: Server;
let base: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let connectionsCount: number;
let requestsCount: number;
let downloader: Downloader;

beforeEach(async () => {
  connectionsCount = 0;
  requestsCount = 0;
  server = createServer((request, response) => {
    requestsCount += 1;
    answer(request, response);
  });
  server.on("connection", () => {
    connectionsCount += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  downloader = new Downloader({ connectionsMax: 1, connectTimeoutMs: 1000, pullTimeoutMs: 150 });
});

afterEach(async () => {
  await downloader.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function get(sizeBytes: number | undefined, more: Partial<DownloadOptions> = {}) {
  const chunks: Uint8Array[] = [];
  const outcome = await downloader.download({
    url: `${base}db/x`,
    sizeBytes,
    productBytesMax: 1_000_000,
    deadlineMs: 5000,
    signal: new AbortController().signal,
    onChunk: async (chunk) => void chunks.push(chunk),
    ...more,
  });
  return { outcome, body: Buffer.concat(chunks).toString() };
}

test("a product of the announced size is complete", async () => {
  answer = (_, response) => response.end("product");
  expect(await get(7)).toEqual({ outcome: { kind: "complete" }, body: "product" });
});

test("a product of 0 bytes is complete", async () => {
  answer = (_, response) => response.end();
  expect(await get(0)).toEqual({ outcome: { kind: "complete" }, body: "" });
});

test("one connection serves many products, also after a 404 and a wrong size in a header", async () => {
  answer = (request, response) => {
    response.statusCode = request.url === "/db/none" ? 404 : 200;
    response.end("product");
  };
  for (let count = 0; count < 20; count += 1) {
    await get(7);
    await get(7, { url: `${base}db/none` });
    await get(8);
  }
  expect(requestsCount).toBe(60);
  expect(connectionsCount).toBe(1);
});

test.each([
  [404, "not-found"],
  [410, "not-found"],
  [403, "refused"],
  [302, "refused"],
  [500, "server"],
  [503, "server"],
  [429, "server"],
])("status %i is the fault %s", async (status, cause) => {
  answer = (_, response) => response.writeHead(status).end("an error page");
  expect(await get(7)).toEqual({ outcome: expect.objectContaining({ kind: "fault", cause }), body: "" });
});

test("a wrong size is a fault, whether the header or only the count shows it", async () => {
  answer = (_, response) => response.writeHead(200, { "content-length": 6 }).end("produc");
  expect((await get(7)).outcome).toMatchObject({ cause: "size", text: "the server has 6 bytes, but 7 were announced" });
  answer = (_, response) => {
    response.write("prod");
    response.end("uc");
  };
  expect((await get(7)).outcome).toMatchObject({ cause: "size", text: "got 6 bytes, but 7 were announced" });
  expect((await get(5)).outcome).toMatchObject({ cause: "size", text: "got more than the announced 5 bytes" });
});

test("a connection cut in the middle is a network fault", async () => {
  answer = (_, response) => {
    response.writeHead(200, { "content-length": 7 });
    response.write("pro", () => response.destroy());
  };
  expect((await get(7)).outcome).toMatchObject({ kind: "fault", cause: "network" });
});

test("a refused connection is a network fault that says so", async () => {
  const outcome = (await get(7, { url: "http://127.0.0.1:1/x" })).outcome;
  expect(outcome).toMatchObject({ cause: "network", text: expect.stringContaining("ECONNREFUSED") });
});

test("a server that never answers is distinguished from one that breaks off, and from one that answers without the product", async () => {
  answer = () => {};
  expect((await get(7)).outcome).toMatchObject({ silent: true });
  expect((await get(7, { url: "http://127.0.0.1:1/x" })).outcome).toMatchObject({ silent: true });
  expect((await get(7, { deadlineMs: 20 })).outcome).toMatchObject({ cause: "timeout", silent: true });
  answer = (_, response) => response.destroy();
  expect((await get(7)).outcome).toMatchObject({ cause: "network", silent: true });
  answer = (_, response) => {
    response.writeHead(200, { "content-length": 7 });
    response.write("pro", () => response.destroy());
  };
  expect((await get(7)).outcome).not.toHaveProperty("silent");
  answer = (_, response) => response.writeHead(503).end();
  expect((await get(7)).outcome).not.toHaveProperty("silent");
});

test("a server that stays silent, before its answer or during it, times out", async () => {
  answer = () => {};
  expect((await get(7)).outcome).toMatchObject({ cause: "timeout", text: "no answer within 150 ms" });
  answer = (_, response) => {
    response.writeHead(200, { "content-length": 7 });
    response.write("pro");
  };
  expect((await get(7)).outcome).toMatchObject({ cause: "timeout", text: "no data for 150 ms" });
});

test("a slow server meets the deadline", async () => {
  answer = (_, response) => {
    response.writeHead(200, { "content-length": 1000 });
    const drip = setInterval(() => response.write("x"), 20);
    response.on("close", () => clearInterval(drip));
  };
  expect((await get(1000, { deadlineMs: 200 })).outcome).toMatchObject({ cause: "timeout" });
});

test("an unannounced size is limited too", async () => {
  answer = (_, response) => response.end("x".repeat(2000));
  expect((await get(undefined, { productBytesMax: 1000 })).outcome).toMatchObject({ cause: "too-large" });
});

test("if the product can't be written, the writer's error is passed on unchanged", async () => {
  answer = (_, response) => response.end("product");
  const full = new Error("disk full");
  await expect(get(7, { onChunk: () => Promise.reject(full) })).rejects.toBe(full);
});

test("a slow writer is awaited, also after a connection has ended, and may fail then", async () => {
  // The second half arrives while the first one is being written, until the connection has ended.
  let sendRest = () => {};
  let ended = Promise.withResolvers<void>();
  answer = (_, response) => {
    response.useChunkedEncodingByDefault = false;
    ended = Promise.withResolvers();
    response.once("close", ended.resolve);
    sendRest = () => response.end("duct");
    response.write("pro");
  };
  const slowly = (written: string[], failAt?: string) => async (chunk: Uint8Array) => {
    const text = Buffer.from(chunk).toString();
    if (text === "pro") sendRest();
    await ended.promise;
    if (text === failAt) throw new Error("disk full");
    written.push(text);
  };
  const written: string[] = [];
  expect((await get(7, { onChunk: slowly(written) })).outcome).toEqual({ kind: "complete" });
  expect(written).toEqual(["pro", "duct"]);
  await expect(get(7, { onChunk: slowly([], "duct") })).rejects.toThrow("disk full");
});

test("an abort from outside ends the attempt at once with its reason", async () => {
  const abort = new AbortController();
  answer = () => abort.abort(new Error("given away"));
  await expect(get(7, { signal: abort.signal })).rejects.toThrow("given away");
});
