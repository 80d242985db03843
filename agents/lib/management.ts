import { readFile } from "node:fs/promises";
import type { Dispatcher } from "undici";

/** A text, or the file that has it. The file is read when it is needed, and again after the broker has refused its content. */
export type Source = string | { readonly file: string };

/** Where a cluster's management API is, and how to connect to it. Certificates and keys are PEM. */
export interface ManagementOptions {
  /** Base URLs of members of one cluster, in the order in which they are tried. */
  readonly urls: readonly string[];
  /** Without it, requests are anonymous. The line end of a password file is not part of the password. */
  readonly login?: { readonly user: string; readonly password: Source } | undefined;
  /** CAs that may have signed a member's certificate; without it, those that this machine trusts. */
  readonly ca?: Source | undefined;
  readonly clientCertificate?: { readonly cert: string; readonly key: string } | undefined;
  /** Accept any certificate. */
  readonly insecure?: boolean | undefined;
  /** URL of an HTTP proxy, and the hosts that are connected to directly, as in NO_PROXY. Without it no proxy is used. */
  readonly proxy?: { readonly url: string; readonly except: string } | undefined;
  /** For one request to one member, from connecting to the last byte of the answer. */
  readonly timeoutMs: number;
  /** A longer answer is discarded. */
  readonly answerBytesMax: number;
}

export interface ManagementRequest {
  /** Default GET. */
  readonly method?: "GET" | "PUT" | "POST" | "DELETE";
  /** Parts of the path below `/api`, percent-encoded here; or path and query as text, already encoded. */
  readonly path: readonly string[] | string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** The address of the created object, as sent. */
  readonly location: string | undefined;
}

/** A member answered with an error. */
export class ManagementError extends Error {
  override readonly name: string = "ManagementError";
  readonly status: number;
  /** The beginning of its answer, or the reason in it; empty if it gave none. */
  readonly reason: string;

  constructor(message: string, status: number, reason = "") {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** No member gave a successful answer. */
export class NoMemberAnswers extends Error {
  override readonly name = "NobodyAnswers";
  /** The error of each member, by name, in the order of the attempts. */
  readonly faults: ReadonlyMap<string, Error>;
  /** The same as a text, e.g. `bunny1: answered 503; bunny2: no answer within 5 s`. */
  readonly reasons: string;

  constructor(faults: ReadonlyMap<string, Error>) {
    const reasons = [...faults].map(([name, error]) => `${name}: ${faultText(error)}`).join("; ") || "no member to ask";
    super(`no management API answers: ${reasons}`);
    this.faults = faults;
    this.reasons = reasons;
  }
}

/**
 * Tries one member after the other until an attempt succeeds.
 *
 * @param members with their names
 * @throws NoMemberAnswers if all attempts fail, or the signal's reason as soon as it is aborted
 */
export async function oneAfterAnother<M, T>(
  members: Iterable<readonly [string, M]>,
  attempt: (member: M) => Promise<T>,
  signal?: AbortSignal,
): Promise<{ readonly member: string; readonly answer: T }> {
  const faults = new Map<string, Error>();
  for (const [member, how] of members) {
    try {
      return { member, answer: await attempt(how) };
    } catch (error) {
      signal?.throwIfAborted();
      faults.set(member, error as Error);
    }
  }
  throw new NoMemberAnswers(faults);
}

/** Parallel requests to one member; further ones wait, within their time. */
const connectionsMax = 8;

interface Open {
  readonly dispatcher: Dispatcher;
  readonly headers: Readonly<Record<string, string>>;
  /** Ends all connections at once, including one that a hanging broker never finishes: the dispatcher itself leaves that open. */
  end(): Promise<void>;
}

/** The client of RabbitMQ's management API. Connections are kept; close it after the last request. */
export class ManagementClient {
  readonly #options: ManagementOptions;
  readonly #readsFiles: boolean;
  #open: Promise<Open> | undefined;

  constructor(options: ManagementOptions) {
    this.#options = options;
    this.#readsFiles = [options.ca, options.login?.password].some((source) => typeof source === "object");
  }

  /**
   * The answer of the first member that has one. A member is skipped if it does not answer in time, or answers 502 to 504, like a broker that starts
   * or stops, or a proxy in front of it. A member with another 5xx is skipped too, but its answer is used if no other member has a better one.
   *
   * @throws NoMemberAnswers; its faults are ManagementErrors for members that answered 502 to 504
   */
  async send(request: ManagementRequest): Promise<Answer> {
    let failed: Answer | undefined;
    const attempt = async (url: string) => {
      const answer = await this.sendTo(url, request);
      const { status, text } = answer;
      if (status < 500) return answer;
      if (status < 502 || status > 504) failed ??= answer;
      throw new ManagementError(`answered ${status}`, status, text.slice(0, reasonLengthMax));
    };
    const members = this.#options.urls.map((url) => [url, url] as const);
    try {
      return (await oneAfterAnother(members, attempt, request.signal)).answer;
    } catch (error) {
      if (failed && error instanceof NoMemberAnswers) return failed;
      throw error;
    }
  }

  /** The answer of one member, of any status. @throws Error with the reason and its code, if there is no answer */
  async sendTo(url: string, request: ManagementRequest): Promise<Answer> {
    const isKept = this.#open !== undefined;
    const answer = await this.#request(url, request).catch((error: unknown) => {
      if (!this.#readsFiles || !isUntrusted(error)) throw error;
      // Nothing was sent. The CA's file may have changed since it was read.
      this.#forget();
      if (!isKept) throw error;
      return this.#request(url, request);
    });
    if (answer.status === 401 && this.#readsFiles) this.#forget();
    return answer;
  }

  /** Ends all pending requests and closes all connections. */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.then(({ end }) => end()).catch(() => {});
  }

  async #request(url: string, { method = "GET", path, body, signal }: ManagementRequest): Promise<Answer> {
    const { timeoutMs, answerBytesMax } = this.#options;
    const { dispatcher, headers } = await this.#opened();
    const late = AbortSignal.timeout(timeoutMs);
    const { origin, pathname } = new URL(url);
    const encoded = typeof path === "string" ? path : path.map(encodeURIComponent).join("/");
    try {
      const answer = await dispatcher.request({
        origin,
        // Not by a URL, which would resolve the parts `.` and `..`.
        path: `${pathname.replace(/\/+$/, "")}/api/${encoded}`,
        method,
        headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        body: body === undefined ? null : JSON.stringify(body),
        signal: signal === undefined ? late : AbortSignal.any([signal, late]),
      });
      const { statusCode: status, headers: received } = answer;
      const text = await readText(answer.body, answerBytesMax);
      return { status, text, location: received.location === undefined ? undefined : String(received.location) };
    } catch (error) {
      signal?.throwIfAborted();
      if (late.aborted) throw new Error(`no answer within ${timeoutMs / 1000} s`, { cause: error });
      throw error;
    }
  }

  #opened(): Promise<Open> {
    if (!this.#open) {
      const open = openDispatcher(this.#options);
      this.#open = open;
      // A file that can't be read now may exist at the next request.
      open.catch(() => {
        if (this.#open === open) this.#open = undefined;
      });
    }
    return this.#open;
  }

  /** Other pending requests end as they would have. */
  #forget(): void {
    this.#open?.then(({ dispatcher }) => dispatcher.close()).catch(() => {});
    this.#open = undefined;
  }
}

/** This much of a non-JSON answer is kept as the reason. */
const reasonLengthMax = 200;

/** The value of an answer's JSON text; undefined if empty, and the text itself if it is not JSON, as from a proxy or a wrong port. */
export function jsonOf(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The reason in an unsuccessful answer, in the API's form `{"error": …, "reason": …}` or another one. */
export function reasonOf(body: unknown): string {
  if (typeof body === "string") return body.slice(0, reasonLengthMax);
  return String((body as { reason?: unknown } | null | undefined)?.reason ?? "");
}

/** An error's message, or its code if it has none, as when several addresses were tried. */
export const faultText = (error: Error & { readonly code?: unknown }): string =>
  error.message || String(error.code ?? "no answer");

/** Then nothing was sent: the handshake failed because of the server's certificate, for any of OpenSSL's reasons. */
const isUntrusted = (error: unknown): boolean =>
  /CERT|SIGNATURE|ISSUER/.test(String((error as NodeJS.ErrnoException | undefined)?.code));

async function openDispatcher({ login, ca, clientCertificate, insecure, proxy }: ManagementOptions): Promise<Open> {
  const { Agent, EnvHttpProxyAgent } = await import("undici");
  const password = login && (await textOf(login.password));
  const tls = {
    ...(ca === undefined ? {} : { ca: await textOf(ca) }),
    ...clientCertificate,
    ...(insecure ? { rejectUnauthorized: false } : {}),
  };
  // Each request has its own timeout, which covers all of these.
  const ending = new AbortController();
  const connect = { ...tls, timeout: 0, signal: ending.signal };
  const options = { connections: connectionsMax, headersTimeout: 0, bodyTimeout: 0, allowH2: false, connect };
  const dispatcher = proxy
    ? new EnvHttpProxyAgent({
        ...options,
        requestTls: { ...tls, allowH2: false, signal: ending.signal },
        httpProxy: proxy.url,
        httpsProxy: proxy.url,
        noProxy: proxy.except,
      })
    : new Agent(options);
  const end = async () => {
    const ended = dispatcher.destroy();
    ending.abort();
    await ended;
  };
  if (!login) return { dispatcher, headers: {}, end };
  // The line end belongs to the file.
  const secret = typeof login.password === "string" ? password : password?.replace(/\r?\n$/, "");
  const authorization = `Basic ${Buffer.from(`${login.user}:${secret}`).toString("base64")}`;
  return { dispatcher, headers: { authorization }, end };
}

const textOf = async (source: Source): Promise<string> =>
  typeof source === "string" ? source : readFile(source.file, "utf8");

async function readText(body: AsyncIterable<Buffer>, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    // Leaving the loop ends the connection.
    if (bytes > bytesMax) throw new Error(`answered with more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
