import { setTimeout as delay } from "node:timers/promises";
import {
  type Answer,
  jsonOf,
  ManagementClient,
  ManagementError,
  type ManagementOptions,
  type ManagementRequest,
  NoMemberAnswers,
} from "../../../agents/lib/management.ts";
import type { Value } from "../lib/values.ts";
import { ApiError, unreachable } from "./api-error.ts";

/** Address, login and CA certificates, as PEM text, of the management API. */
export interface ApiOptions {
  /** Base URLs of one cluster's members: the first one that answers is used. */
  readonly endpoints: readonly string[];
  readonly username: string;
  readonly password: string;
  readonly ca?: string | undefined;
  /** URL of an HTTP proxy; default: the environment's HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
  readonly proxy?: string | undefined;
  readonly retryTimeoutMs?: number;
}

export interface Call {
  /** The subject of the call, for error messages: `queue "cmc.urp.pull" in vhost "/"`. */
  readonly subject: string;
  readonly signal: AbortSignal;
}

type Method = NonNullable<ManagementRequest["method"]>;

/** How long to wait for a broker that is starting or restarting. */
const retryTimeoutMsDefault = 15_000;
const retryDelayMsFirst = 100;
const retryDelayMsMax = 2_000;
/** Declaring a quorum queue in a cluster can take seconds; nothing takes longer than this. */
const answerTimeoutMs = 30_000;
/** An object has a few kilobytes. */
const answerBytesMax = 4 << 20;

/** Faults that pass once the broker is up again. */
const passing = new Set([
  ...["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "EAI_AGAIN"],
  ...["ECONNABORTED", "UND_ERR_SOCKET"],
]);

/**
 * The HTTP API of RabbitMQ's management plugin. All calls can be repeated safely (PUT, GET, DELETE, and the POST of a binding), so if no broker
 * answers, or they answer 502 to 504, the call is retried for up to 15 s.
 */
export class ManagementApi {
  readonly #client: ManagementClient;
  readonly #retryTimeoutMs: number;

  constructor({ endpoints, username: user, password, proxy, retryTimeoutMs, ...trust }: ApiOptions) {
    this.#retryTimeoutMs = retryTimeoutMs ?? retryTimeoutMsDefault;
    this.#client = new ManagementClient({
      ...trust,
      urls: endpoints,
      login: { user, password },
      proxy: proxyOf(proxy, endpoints),
      timeoutMs: answerTimeoutMs,
      answerBytesMax,
    });
  }

  /** The object at this path; undefined if there is none. */
  async get(path: readonly string[], call: Call): Promise<Value | undefined> {
    const answer = await this.#call("GET", path, undefined, call);
    return answer.status === 404 ? undefined : accept("GET", answer, call);
  }

  async put(path: readonly string[], body: Value, call: Call): Promise<void> {
    accept("PUT", await this.#call("PUT", path, body, call), call);
  }

  /** The answer to a POST that creates nothing, e.g. messages of a queue. */
  async ask(path: readonly string[], body: Value, call: Call): Promise<Value> {
    return accept("POST", await this.#call("POST", path, body, call), call);
  }

  /** Creates an object. @returns the last part of its URL, decoded once */
  async post(path: readonly string[], body: Value, call: Call): Promise<string> {
    const answer = await this.#call("POST", path, body, call);
    accept("POST", answer, call);
    return decodeURIComponent(answer.location?.split("/").at(-1) ?? "");
  }

  /** A missing object counts as deleted. */
  async delete(path: readonly string[], call: Call): Promise<void> {
    const answer = await this.#call("DELETE", path, undefined, call);
    if (answer.status !== 404) accept("DELETE", answer, call);
  }

  close(): void {
    void this.#client.close();
  }

  async #call(method: Method, path: readonly string[], body: Value | undefined, call: Call): Promise<Answer> {
    const { subject, signal } = call;
    const deadline = Date.now() + this.#retryTimeoutMs;
    for (let delayMs = retryDelayMsFirst; ; delayMs = Math.min(delayMs * 2, retryDelayMsMax)) {
      const again = Date.now() + delayMs < deadline;
      try {
        return await this.#client.send({ method, path, body, signal });
      } catch (error) {
        if (!(error instanceof NoMemberAnswers)) throw error;
        const faults = [...error.faults];
        const last = faults.at(-1);
        if (!last) throw error;
        if (!again || !faults.some(([, fault]) => passes(fault))) throw noAnswer(method, subject, ...last);
      }
      await delay(delayMs, undefined, { signal });
    }
  }
}

const passes = (fault: Error & { readonly code?: unknown }): boolean =>
  fault instanceof ManagementError || passing.has(String(fault.code));

function noAnswer(method: Method, subject: string, endpoint: string, fault: Error): Error {
  if (!(fault instanceof ManagementError)) return unreachable(method, subject, endpoint, fault);
  return new ApiError(method, subject, fault.status, bodyOf(fault.reason));
}

/** @throws ApiError if it is a refusal */
function accept(method: Method, { status, text }: Answer, { subject }: Call): Value {
  const body = bodyOf(text);
  if (status < 300) return body;
  throw new ApiError(method, subject, status, body);
}

const bodyOf = (text: string): Value => (jsonOf(text) ?? null) as Value;

function proxyOf(proxy: string | undefined, endpoints: readonly string[]): ManagementOptions["proxy"] {
  if (proxy) return { url: proxy, except: "" };
  const urls = endpoints.map((endpoint) => new URL(endpoint));
  // A proxy can't connect to this machine's loopback.
  if (urls.some(({ hostname }) => /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname))) return undefined;
  const { http_proxy, HTTP_PROXY, https_proxy, HTTPS_PROXY, no_proxy, NO_PROXY } = process.env;
  const isSecure = urls.some(({ protocol }) => protocol === "https:");
  const url = isSecure ? https_proxy || HTTPS_PROXY : http_proxy || HTTP_PROXY;
  return url ? { url, except: no_proxy || NO_PROXY || "" } : undefined;
}
