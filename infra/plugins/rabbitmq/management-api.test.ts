import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type ApiOptions, ManagementApi } from "./management-api.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

function selfSigned(): { key: string; cert: string } {
  const subject = ["-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"];
  const argv = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "-", "-out", "-", ...subject];
  const pem = execFileSync("openssl", argv, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const at = pem.indexOf("-----BEGIN CERTIFICATE");
  return { key: pem.slice(0, at), cert: pem.slice(at) };
}

function open(endpoint: string, more: Partial<ApiOptions> = {}): ManagementApi {
  const api = new ManagementApi({ endpoints: [endpoint], username: "root", password: "p:w", ...more });
  closers.push(() => api.close());
  return api;
}

const call = { subject: 'queue "q"', signal: new AbortController().signal };

describe("the management API", () => {
  it("is retried while it answers 503", async () => {
    let calls = 0;
    const endpoint = await serve((_, response) => {
      calls++;
      response.writeHead(calls < 3 ? 503 : 200).end("{}");
    });
    expect(await open(endpoint).get(["overview"], call)).toEqual({});
    expect(calls).toBe(3);
  });

  it("that never answers fails in time, with its address and what to check", async () => {
    const endpoint = await serve(() => {});
    closers.splice(0).forEach((close) => {
      close();
    });
    const api = open(endpoint, { retryTimeoutMs: 300 });
    await expect(api.put(["queues", "/", "q"], {}, call)).rejects.toThrow(
      new RegExp(`^queue "q": PUT: no answer from ${endpoint}: .*ECONNREFUSED.*; check rabbitmq:endpoint`),
    );
  });

  it("that takes too long to start fails with the broker's reason", async () => {
    const body = '{"error":"unavailable","reason":"booting"}';
    const api = open(await serve((_, response) => response.writeHead(503).end(body)), { retryTimeoutMs: 300 });
    await expect(api.get(["users"], call)).rejects.toThrow(
      'queue "q": the broker answered 503 to GET: unavailable: booting; the broker is starting or stopping; try again',
    );
  });

  it("is called through a configured proxy", async () => {
    let asked: string | undefined;
    const proxy = await serve((request, response) => {
      asked = request.url;
      response.writeHead(200).end("[]");
    });
    await open("http://bunny1.invalid:15672", { proxy }).get(["users"], call);
    expect(asked).toBe("http://bunny1.invalid:15672/api/users");
  });

  it("is verified by its certificate when called over TLS through a proxy", async () => {
    const { key, cert } = selfSigned();
    const server = createTlsServer({ key, cert }, (_, response) => response.end("[]")).listen(0, "127.0.0.1");
    await once(server, "listening");
    closers.push(() => server.close());
    const { port } = server.address() as { port: number };
    const wanted: (string | undefined)[] = [];
    const proxy = createServer().listen(0, "127.0.0.1");
    proxy.on("connect", (request, socket) => {
      wanted.push(request.url);
      const onward = connect(port, "127.0.0.1", () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
      socket.pipe(onward).pipe(socket);
      for (const end of [socket, onward]) end.on("error", () => {});
    });
    await once(proxy, "listening");
    closers.push(() => proxy.close());
    const more = { proxy: `http://127.0.0.1:${(proxy.address() as { port: number }).port}` };
    expect(await open("https://127.0.0.1:9999", { ...more, ca: cert }).get(["users"], call)).toEqual([]);
    await expect(open("https://127.0.0.1:9999", more).get(["users"], call)).rejects.toThrow(
      /self-signed certificate; .*rabbitmq:cacertFile/,
    );
    expect(wanted).toEqual(["127.0.0.1:9999", "127.0.0.1:9999"]);
  });

  it("is called on another member at once if one is down, and retried as long as one may return", async () => {
    let calls = 0;
    const endpoint = await serve((_, response) => {
      calls++;
      response.writeHead(calls < 3 ? 503 : 200).end("{}");
    });
    const endpoints = ["http://127.0.0.1:1", endpoint];
    const api = new ManagementApi({ endpoints, username: "root", password: "p:w" });
    closers.push(() => api.close());
    expect(await api.get(["overview"], call)).toEqual({});
    expect(calls).toBe(3);
  });

  it("that is another server is reported with its answer", async () => {
    const endpoint = await serve((_, response) => response.writeHead(418).end("<html>a teapot</html>"));
    await expect(open(endpoint).get(["users"], call)).rejects.toThrow("answered 418 to GET: <html>a teapot</html>");
  });

  it("stops waiting when the engine cancels", async () => {
    const endpoint = await serve((_, response) => response.writeHead(503).end());
    const cancelled = new AbortController();
    const asked = open(endpoint).get(["users"], { ...call, signal: cancelled.signal });
    cancelled.abort(new Error("cancelled by the engine"));
    await expect(asked).rejects.toThrow(/cancelled|aborted/);
  });
});
