import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isNestedAtMost, printable } from "../../agents/lib/foreign.ts";
import type { ClusterModel } from "../model/types.ts";

/** Milliseconds for one question: a management API that works answers in a few, on a machine with far too much to do in two seconds. */
const answerTimeoutMs = 5000;
/** Definitions of a large broker have a few hundred kilobytes. */
const answerBytesMax = 16 << 20;

/** The management API of one member, as the administrator asks it. Close it after the last question. */
export interface Management {
  /**
   * The JSON at a path below `/api/`.
   *
   * @param body for what is asked by POST
   * @throws Error with the reason where there is no good answer within five seconds
   */
  ask(path: string, body?: unknown): Promise<unknown>;
  close(): void;
}

/** @param ca PEM text of who may have signed the member's certificate; without it, whom this machine trusts */
export function managementOf(cluster: ClusterModel, address: string, ca: string | undefined): Management {
  const { scheme, port } = cluster.management;
  const { name, password } = cluster.administrator;
  const agent = scheme === "https" ? new HttpsAgent({ keepAlive: true, ca }) : new HttpAgent({ keepAlive: true });
  const send = scheme === "https" ? httpsRequest : httpRequest;
  const ask = (path: string, body?: unknown) =>
    new Promise<unknown>((resolve, reject) => {
      const signal = AbortSignal.timeout(answerTimeoutMs);
      const request = send({
        agent,
        hostname: address,
        port,
        path: `/api/${path}`,
        auth: `${name}:${password}`,
        signal,
        ...(body === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" } }),
      });
      request.once("error", (error) => reject(reasonOf(error)));
      request.once("response", (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          chunks.push(chunk);
          if (bytes > answerBytesMax) request.destroy(new Error(`answers with more than ${answerBytesMax} bytes`));
        });
        response.once("error", (error) => reject(reasonOf(error)));
        response.once("end", () => {
          try {
            resolve(content(response.statusCode ?? 0, Buffer.concat(chunks).toString("utf8"), name));
          } catch (error) {
            reject(error);
          }
        });
      });
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  return { ask, close: () => agent.destroy() };
}

/** It answers, but not to this login: whoever changed the password has shut the others out. */
export class LoginRefused extends Error {}

/** Definitions are nested five deep. */
const answerDepthMax = 64;

/** What an answer says; its texts as a terminal may have them, since whoever has taken a host over may answer anything. @throws Error with the reason */
export function content(status: number, text: string, login: string): unknown {
  if (status === 401) throw new LoginRefused(`refuses the login of ${login}`);
  if (status !== 200) throw new Error(`answers ${status}`);
  let answer: unknown;
  try {
    answer = JSON.parse(text, (_, value) => (typeof value === "string" ? printable(value) : value));
  } catch (error) {
    throw new Error("answers with something else than JSON", { cause: error });
  }
  if (!isNestedAtMost(answer, answerDepthMax)) throw new Error("answers with something that is nested too deep");
  return answer;
}

function reasonOf(error: Error & { code?: string }): Error {
  if (error.name === "TimeoutError" || error.name === "AbortError") {
    return new Error(`no answer within ${answerTimeoutMs / 1000} s`, { cause: error });
  }
  return new Error(error.message || error.code || "no answer", { cause: error });
}
