import { request } from "node:http";
import type { Hosts } from "../../infra/hosts/connect.ts";
import { openTunnel } from "../../infra/hosts/tunnel.ts";

/** Milliseconds for a server to answer. */
const answerMs = 5000;
/** Longer answers are refused: an API that is asked for a little does not give more. */
const bytesMax = 4_000_000;

/** Asks a server on a host's loopback. @returns the body @throws Error for a status other than 2xx, and if no answer comes in time */
export type AskLoopback = (method: "GET" | "POST" | "DELETE", path: string, body?: object) => Promise<string>;

/** Opens the stack's ssh to a host, for requests to one port of its loopback, and closes it afterwards. */
export async function withLoopback<T>(
  hosts: Hosts,
  { host, port }: { readonly host: string; readonly port: number },
  use: (ask: AskLoopback) => Promise<T>,
): Promise<T> {
  const tunnel = await openTunnel(hosts.connectionTo(host), port);
  try {
    return await use((method, path, body) => askAt(tunnel.path, method, path, body));
  } finally {
    await tunnel.close();
  }
}

function askAt(socketPath: string, ...[method, path, body]: Parameters<AskLoopback>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const headers = { host: "localhost", "content-type": "application/json" };
  const asked = request({ socketPath, method, path, headers, timeout: answerMs, agent: false }, (answer) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    answer.on("data", (part: Buffer) => {
      bytes += part.length;
      if (bytes > bytesMax) answer.destroy(new Error(`it answers with more than ${bytesMax} bytes`));
      else parts.push(part);
    });
    answer.on("error", reject);
    answer.on("end", () => {
      const { statusCode = 0 } = answer;
      if (statusCode >= 200 && statusCode < 300) resolve(Buffer.concat(parts).toString("utf8"));
      else reject(new Error(`it answers ${statusCode}`));
    });
  });
  asked.on("timeout", () => asked.destroy(new Error(`no answer within ${answerMs / 1000} s`)));
  asked.on("error", reject);
  asked.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}
