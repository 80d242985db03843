import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer as createNetServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeCertificate } from "../../tests/rigs/test-certificates.ts";
import {
  jsonOf,
  ManagementClient,
  type ManagementOptions,
  NoMemberAnswers,
  oneAfterAnother,
  reasonOf,
} from "./management.ts";

// The brokers' answers are made up here; the tests of this client's users show that brokers answer so.

let folder: string;
let closers: (() => unknown)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-management-client-"));
});
afterEach(async () => {
  for (const close of closers.toReversed()) await close();
  closers = [];
  await rm(folder, { recursive: true });
});

async function serve(listener: RequestListener, pair?: { cert: Buffer; key: Buffer }): Promise<string> {
  const server = pair ? createTlsServer(pair, listener) : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `${pair ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const answering = (status: number, text = ""): Promise<string> =>
  serve((_, response) => response.writeHead(status).end(text));

const silent = "http://127.0.0.1:1";

function open(urls: readonly string[], more: Partial<ManagementOptions> = {}): ManagementClient {
  const login = { user: "root", password: "p:w" };
  const client = new ManagementClient({ urls, login, timeoutMs: 5000, answerBytesMax: 1000, ...more });
  closers.push(() => client.close());
  return client;
}

describe("a request", () => {
  it("has each part of its path encoded, below the URL's own path, a login, and its body as JSON", async () => {
    const seen: unknown[] = [];
    const url = await serve(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      const { method, url: path, headers } = request;
      seen.push([method, path, headers.authorization, headers["content-type"], body]);
      response.writeHead(201, { location: "a%2Fb" }).end("{}");
    });
    const client = open([`${url}/rabbit/`]);
    const path = ["queues", "/", "a/b%c?d", ".."];
    expect(await client.send({ method: "POST", path, body: { a: 1 } })).toEqual({
      status: 201,
      text: "{}",
      location: "a%2Fb",
    });
    await client.send({ path: "queues?columns=name" });
    const authorization = `Basic ${Buffer.from("root:p:w").toString("base64")}`;
    expect(seen).toEqual([
      ["POST", "/rabbit/api/queues/%2F/a%2Fb%25c%3Fd/..", authorization, "application/json", '{"a":1}'],
      ["GET", "/rabbit/api/queues?columns=name", authorization, undefined, ""],
    ]);
  });

  it("goes from member to member until one answers; 502 to 504 count as no answer", async () => {
    const urls = [silent, await answering(503), await answering(404, "here"), await answering(200)];
    expect(await open(urls).send({ path: ["x"] })).toMatchObject({ status: 404, text: "here" });
  });

  it("is answered with another 5xx only if no member does better", async () => {
    const faulty = await answering(500, "first");
    expect(await open([faulty, await answering(200)]).send({ path: ["x"] })).toMatchObject({ status: 200 });
    expect(await open([faulty, await answering(503)]).send({ path: ["x"] })).toMatchObject({ text: "first" });
  });

  it("without any answer reports why, member by member", async () => {
    const starting = await answering(503, "booting");
    const error: unknown = await open([silent, starting])
      .send({ path: ["x"] })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NoMemberAnswers);
    expect((error as Error).message).toMatch(
      new RegExp(`^no management API answers: ${silent}: .*ECONNREFUSED.*; ${starting}: answered 503$`),
    );
    expect((error as NoMemberAnswers).faults.get(starting)).toMatchObject({ status: 503, reason: "booting" });
  });

  it("times out, whether nothing arrives or the answer stops halfway", async () => {
    const hung = await serve(() => {});
    const stalled = await serve((_, response) => response.write("["));
    for (const url of [hung, stalled]) {
      await expect(open([], { timeoutMs: 200 }).sendTo(url, { path: ["x"] })).rejects.toThrow("no answer within 0.2 s");
    }
  });

  it("ends with the caller's reason, without asking other members", async () => {
    const asked: string[] = [];
    const cancelled = new AbortController();
    const first = await serve(() => cancelled.abort(new Error("cancelled")));
    const second = await serve(({ url = "" }) => asked.push(url));
    await expect(open([first, second]).send({ path: ["x"], signal: cancelled.signal })).rejects.toThrow("cancelled");
    expect(asked).toEqual([]);
  });

  it("accepts no more than the maximum number of bytes", async () => {
    const url = await serve((_, response) => {
      const more = () => response.write("x".repeat(500), () => response.destroyed || more());
      more();
    });
    await expect(open([]).sendTo(url, { path: ["x"] })).rejects.toThrow("answered with more than 1000 bytes");
  });

  it.each(["http", "https"])(
    "over %s to a hanging broker ends with the client, and so does its connection",
    async (scheme) => {
      const taken = Promise.withResolvers<Socket>();
      const server = createNetServer((socket) => taken.resolve(socket)).listen(0, "127.0.0.1");
      await once(server, "listening");
      closers.push(() => server.close());
      const client = open([`${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`]);
      const asked = client.send({ path: "nodes" }).catch((error: unknown) => error);
      const socket = await taken.promise;
      const closed = once(socket.on("error", () => {}).resume(), "close");
      await client.close();
      expect(await asked).toBeInstanceOf(NoMemberAnswers);
      await closed;
    },
  );

  it("may be the last one in flight when the client is closed", async () => {
    let arrived = () => {};
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const client = open([await serve(() => arrived())]);
    const asked = expect(client.send({ path: ["x"] })).rejects.toThrow(NoMemberAnswers);
    await arrival;
    await client.close();
    await asked;
  });
});

describe("trust", () => {
  it("trusts certificates of the named CA, for the address that is asked", async () => {
    const [own, other] = await Promise.all(
      [["own", "IP:127.0.0.1"] as const, ["other", "IP:127.0.0.2"] as const].map(async ([name, address]) => {
        const { certificateFile, keyFile, caFile } = await makeCertificate(folder, name, [address]);
        const pair = { cert: await readFile(certificateFile), key: await readFile(keyFile) };
        return { url: await serve((_, response) => response.end("[]"), pair), ca: await readFile(caFile, "utf8") };
      }),
    );
    if (!own || !other) throw new TypeError("no certificates");
    const ask = (url: string, more: Partial<ManagementOptions>) => open([], more).sendTo(url, { path: ["x"] });
    expect(await ask(own.url, { ca: own.ca })).toMatchObject({ text: "[]" });
    await expect(ask(own.url, { ca: other.ca })).rejects.toThrow(/certificate/);
    await expect(ask(own.url, {})).rejects.toThrow(/certificate/);
    await expect(ask(other.url, { ca: other.ca })).rejects.toThrow(/altnames/);
    expect(await ask(other.url, { insecure: true })).toMatchObject({ text: "[]" });
  });

  it("reads a password file again after a refusal, without its line end", async () => {
    const file = join(folder, "password");
    const url = await serve(({ headers }, response) => {
      const isRight = headers.authorization === `Basic ${Buffer.from("root:second").toString("base64")}`;
      response.writeHead(isRight ? 200 : 401).end();
    });
    const client = open([url], { login: { user: "root", password: { file } } });
    await expect(client.send({ path: ["x"] })).rejects.toThrow(/ENOENT/);
    const statuses: number[] = [];
    for (const word of ["first\n", "second\n", "third\n"]) {
      await writeFile(file, word);
      statuses.push((await client.send({ path: ["x"] })).status);
    }
    expect(statuses).toEqual([401, 200, 200]);
  });
});

it("oneAfterAnother returns the member whose attempt succeeded", async () => {
  const attempt = async (value: number) => {
    if (value < 2) throw new Error("too small");
    return value * 10;
  };
  expect(await oneAfterAnother(Object.entries({ a: 1, b: 2, c: 3 }), attempt)).toEqual({ member: "b", answer: 20 });
  await expect(oneAfterAnother([], attempt)).rejects.toThrow(NoMemberAnswers);
});

it("a reason is the API's own, or the beginning of what is not JSON", () => {
  expect(["", '{"error":"bad","reason":"no"}', "<html>", "[]", "null"].map((text) => reasonOf(jsonOf(text)))).toEqual([
    ...["", "no", "<html>", "", ""],
  ]);
});
