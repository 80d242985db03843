import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import type { Value } from "../lib/values.ts";
import { ApiError, unreachable } from "./api-error.ts";

/** Where the management API is, and how to talk to it. Certificates and keys are PEM texts, not paths. */
export interface ApiOptions {
  readonly endpoint: string;
  readonly username: string;
  readonly password: string;
  readonly insecure?: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** URL of an HTTP proxy; without it the environment's HTTP_PROXY, HTTPS_PROXY and NO_PROXY count. */
  readonly proxy?: string;
  readonly retryTimeoutMs?: number;
}

export interface Call {
  /** What the call is about, for error texts: `queue "cmc.urp.pull" in vhost "/"`. */
  readonly subject: string;
  readonly signal: AbortSignal;
}

interface Answer {
  readonly status: number;
  readonly body: Value;
  /** The created object's address, as sent. */
  readonly location: string | undefined;
}

/** A broker that has just been started, or restarts, is waited for this long. */
const retryTimeoutMsDefault = 15_000;
const retryDelayMsFirst = 100;
const retryDelayMsMax = 2_000;
/** A quorum queue in a cluster can take seconds to be declared; nothing takes longer than this. */
const answerTimeoutMs = 30_000;
/** One object is a few kilobytes. */
const answerBytesMax = 4 << 20;
const connectionsMax = 8;

/** Faults that pass when the broker is up again. */
const passing = new Set([
  ...["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "EAI_AGAIN"],
  "ECONNABORTED",
]);

/**
 * The HTTP API of RabbitMQ's management plugin. Every call is one that may be repeated (PUT, GET, DELETE, and the POST
 * of a binding), so a broker that does not answer, or answers 503, is asked again for up to 15 s.
 */
export class ManagementApi {
  readonly #options: ApiOptions;
  readonly #base: URL;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor(options: ApiOptions) {
    this.#options = options;
    this.#base = new URL(options.endpoint);
    const common = { keepAlive: true, maxSockets: connectionsMax, proxyEnv: proxySettings(options.proxy, this.#base) };
    const tls = {
      ...(options.insecure ? { rejectUnauthorized: false } : {}),
      ...(options.ca === undefined ? {} : { ca: options.ca }),
      ...(options.cert === undefined ? {} : { cert: options.cert }),
      ...(options.key === undefined ? {} : { key: options.key }),
    };
    this.#agent = this.#base.protocol === "https:" ? new HttpsAgent({ ...common, ...tls }) : new HttpAgent(common);
  }

  /** The object at this path; undefined when there is none. */
  async get(path: readonly string[], call: Call): Promise<Value | undefined> {
    const answer = await this.#call("GET", path, undefined, call);
    return answer.status === 404 ? undefined : accept("GET", answer, call).body;
  }

  async put(path: readonly string[], body: Value, call: Call): Promise<void> {
    accept("PUT", await this.#call("PUT", path, body, call), call);
  }

  /** What a POST that creates nothing answers, e.g. messages of a queue. */
  async ask(path: readonly string[], body: Value, call: Call): Promise<Value> {
    return accept("POST", await this.#call("POST", path, body, call), call).body;
  }

  /** The last part of the created object's address, decoded once. */
  async post(path: readonly string[], body: Value, call: Call): Promise<string> {
    const answer = accept("POST", await this.#call("POST", path, body, call), call);
    return decodeURIComponent(answer.location?.split("/").at(-1) ?? "");
  }

  /** What is gone already counts as deleted. */
  async delete(path: readonly string[], call: Call): Promise<void> {
    const answer = await this.#call("DELETE", path, undefined, call);
    if (answer.status !== 404) accept("DELETE", answer, call);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #call(method: string, path: readonly string[], body: Value | undefined, call: Call): Promise<Answer> {
    const deadline = Date.now() + (this.#options.retryTimeoutMs ?? retryTimeoutMsDefault);
    for (let delayMs = retryDelayMsFirst; ; delayMs = Math.min(delayMs * 2, retryDelayMsMax)) {
      const again = Date.now() + delayMs < deadline;
      try {
        const answer = await this.#once(method, path, body, call.signal);
        if (answer.status !== 503 || !again) return answer;
      } catch (error) {
        call.signal.throwIfAborted();
        const code = error instanceof Error && "code" in error ? String(error.code) : "";
        if (!passing.has(code) || !again) throw unreachable(method, call.subject, this.#base, error);
      }
      await delay(delayMs, undefined, { signal: call.signal });
    }
  }

  #once(method: string, path: readonly string[], body: Value | undefined, signal: AbortSignal): Promise<Answer> {
    const { hostname, port, pathname } = this.#base;
    const content = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const send = this.#base.protocol === "https:" ? httpsRequest : httpRequest;
      const request = send({
        agent: this.#agent,
        method,
        hostname: hostname.replace(/^\[|\]$/g, ""),
        port,
        path: [pathname.replace(/\/+$/, ""), "api", ...path.map(encodeURIComponent)].join("/"),
        auth: `${this.#options.username}:${this.#options.password}`,
        headers: content === undefined ? {} : { "content-type": "application/json" },
        signal: AbortSignal.any([signal, AbortSignal.timeout(answerTimeoutMs)]),
      });
      request.once("error", reject);
      request.once("response", (response) => readAnswer(response).then(resolve, reject));
      request.end(content);
    });
  }
}

function accept(method: string, answer: Answer, call: Call): Answer {
  if (answer.status < 300) return answer;
  throw new ApiError(method, call.subject, answer.status, answer.body);
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) throw new Error(`the answer has more than ${answerBytesMax} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  return { status: response.statusCode ?? 0, body: parse(text), location: response.headers.location };
}

/** A proxy or a wrong port answers with something else than JSON: kept as text, for the error. */
function parse(text: string): Value {
  if (text === "") return null;
  try {
    return JSON.parse(text) as Value;
  } catch {
    return text;
  }
}

function proxySettings(proxy: string | undefined, base: URL): NodeJS.ProcessEnv {
  if (proxy) return { HTTP_PROXY: proxy, HTTPS_PROXY: proxy };
  // A proxy never reaches this machine's own loopback.
  const local = /^(localhost|127\.[\d.]+|\[::1\])$/.test(base.hostname);
  return local ? {} : process.env;
}
