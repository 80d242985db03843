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

test("a product of the announced size comes whole", async () => {
  answer = (_, response) => response.end("product");
  expect(await get(7)).toEqual({ outcome: { kind: "whole" }, body: "product" });
});

test("a product of 0 bytes comes whole", async () => {
  answer = (_, response) => response.end();
  expect(await get(0)).toEqual({ outcome: { kind: "whole" }, body: "" });
});

test("one connection serves many products, also after a 404 and a wrong size by its header", async () => {
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

test("a wrong size is a fault, told by the header or only by counting", async () => {
  answer = (_, response) => response.writeHead(200, { "content-length": 6 }).end("produc");
  expect((await get(7)).outcome).toMatchObject({ cause: "size", text: "the server has 6 bytes, 7 were announced" });
  answer = (_, response) => {
    response.write("prod");
    response.end("uc");
  };
  expect((await get(7)).outcome).toMatchObject({ cause: "size", text: "got 6 bytes, 7 were announced" });
  expect((await get(5)).outcome).toMatchObject({ cause: "size", text: "got more than the 5 bytes announced" });
});

test("a connection cut in the middle is a network fault", async () => {
  answer = (_, response) => {
    response.writeHead(200, { "content-length": 7 });
    response.write("pro", () => response.destroy());
  };
  expect((await get(7)).outcome).toMatchObject({ kind: "fault", cause: "network" });
});

test("nobody listening is a network fault that says so", async () => {
  const outcome = (await get(7, { url: "http://127.0.0.1:1/x" })).outcome;
  expect(outcome).toMatchObject({ cause: "network", text: expect.stringContaining("ECONNREFUSED") });
});

test("a server that never answers is told from one that breaks off, and from one whose answer is no product", async () => {
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

test("a server that stays silent, before its answer or in the middle of it, times out", async () => {
  answer = () => {};
  expect((await get(7)).outcome).toMatchObject({ cause: "timeout", text: "no answer within 150 ms" });
  answer = (_, response) => {
    response.writeHead(200, { "content-length": 7 });
    response.write("pro");
  };
  expect((await get(7)).outcome).toMatchObject({ cause: "timeout", text: "nothing came for 150 ms" });
});

test("a server that drips meets the deadline", async () => {
  answer = (_, response) => {
    response.writeHead(200, { "content-length": 1000 });
    const drip = setInterval(() => response.write("x"), 20);
    response.on("close", () => clearInterval(drip));
  };
  expect((await get(1000, { deadlineMs: 200 })).outcome).toMatchObject({ cause: "timeout" });
});

test("an unannounced size is bounded all the same", async () => {
  answer = (_, response) => response.end("x".repeat(2000));
  expect((await get(undefined, { productBytesMax: 1000 })).outcome).toMatchObject({ cause: "too-large" });
});

test("where the product can't be written, the writer's error comes out as it is", async () => {
  answer = (_, response) => response.end("product");
  const full = new Error("disk full");
  await expect(get(7, { onChunk: () => Promise.reject(full) })).rejects.toBe(full);
});

test("a writer that takes its time is waited for, also after a connection that has ended, and may fail then", async () => {
  // The second half comes when the first one is being written, which takes until the connection has ended.
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
  expect((await get(7, { onChunk: slowly(written) })).outcome).toEqual({ kind: "whole" });
  expect(written).toEqual(["pro", "duct"]);
  await expect(get(7, { onChunk: slowly([], "duct") })).rejects.toThrow("disk full");
});

test("an abort from outside ends the try at once with its reason", async () => {
  const abort = new AbortController();
  answer = () => abort.abort(new Error("given away"));
  await expect(get(7, { signal: abort.signal })).rejects.toThrow("given away");
});
