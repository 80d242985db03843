import { Agent, errors } from "undici";

/** Why a try failed, in the words of the metrics. */
export type FaultCause = "not-found" | "refused" | "server" | "network" | "timeout" | "size" | "too-large";

/** A try that failed for the server, the network or the product. */
export interface Fault {
  readonly kind: "fault";
  readonly cause: FaultCause;
  readonly text: string;
  /** The server gave no answer at all: no connection, or nothing in time. One that breaks off in the middle lives. */
  readonly silent?: true;
}

/** What became of one try. */
export type Outcome = { readonly kind: "whole" } | Fault;

export interface DownloadOptions {
  readonly url: string;
  /** The size that was announced; undefined where it was not. */
  readonly sizeBytes: number | undefined;
  readonly productBytesMax: number;
  /** Each piece of the body, in order; what it rejects with, `download` rejects with. */
  readonly onChunk: (chunk: Uint8Array) => Promise<void>;
  /** Aborts the try; `download` then rejects with its reason. */
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
}

export interface DownloaderLimits {
  readonly connectionsMax: number;
  readonly connectTimeoutMs: number;
  readonly pullTimeoutMs: number;
}

const fault = (cause: FaultCause, text: string): Fault => ({ kind: "fault", cause, text });

// A server that keeps a connection longer says so in its answer; apache's own default is 5 s.
const keepAliveTimeoutMs = 4_000;

/** Fetches products over kept connections: one pool of at most `connectionsMax` for each origin. */
export class Downloader {
  readonly #agent: Agent;
  readonly #limits: DownloaderLimits;

  constructor(limits: DownloaderLimits) {
    this.#limits = limits;
    this.#agent = new Agent({
      connections: limits.connectionsMax,
      pipelining: 1,
      connect: { timeout: limits.connectTimeoutMs },
      headersTimeout: limits.pullTimeoutMs,
      bodyTimeout: limits.pullTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
    });
  }

  /** One try. Faults of the server, the network and the size are values; redirects are not followed. */
  async download(options: DownloadOptions): Promise<Outcome> {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), options.deadlineMs);
    const signal = AbortSignal.any([options.signal, deadline.signal]);
    let chunkFailure: unknown;
    let answered = false;
    try {
      const url = new URL(options.url);
      const response = await this.#agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: "GET",
        signal,
      });
      answered = true;
      const refused = judgeAnswer(response.statusCode, response.headers["content-length"], options);
      if (refused) {
        // Small bodies are read to their end, so that the connection can be used again.
        await response.body.dump({ limit: 65_536 }).catch(() => {});
        return refused;
      }
      let size = 0;
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        size += chunk.byteLength;
        const tooMuch = judgeSize(size, options);
        // Leaving the loop destroys the body, and with it the connection: nobody wants the rest.
        if (tooMuch) return tooMuch;
        await options.onChunk(chunk).catch((error: unknown) => {
          chunkFailure = error;
          throw error;
        });
      }
      if (options.sizeBytes !== undefined && size !== options.sizeBytes) {
        return fault("size", `got ${size} bytes, ${options.sizeBytes} were announced`);
      }
      return { kind: "whole" };
    } catch (error) {
      if (chunkFailure !== undefined) throw chunkFailure;
      if (options.signal.aborted) throw options.signal.reason;
      const failed = deadline.signal.aborted
        ? fault("timeout", `not done within ${options.deadlineMs} ms`)
        : this.#explain(error as Error & { code?: string });
      return answered ? failed : { ...failed, silent: true };
    } finally {
      // A timer that outlived its pull would keep the pull's memory for the five minutes of the deadline.
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #explain(error: Error & { code?: string }): Fault {
    const { connectTimeoutMs, pullTimeoutMs } = this.#limits;
    if (error instanceof errors.ConnectTimeoutError)
      return fault("timeout", `no connection within ${connectTimeoutMs} ms`);
    if (error instanceof errors.HeadersTimeoutError) return fault("timeout", `no answer within ${pullTimeoutMs} ms`);
    if (error instanceof errors.BodyTimeoutError) return fault("timeout", `nothing came for ${pullTimeoutMs} ms`);
    const text =
      error instanceof AggregateError ? error.errors.map((one: Error) => one.message).join("; ") : error.message;
    return fault("network", text || (error.code ?? error.name));
  }
}

function judgeAnswer(
  status: number,
  length: string | string[] | undefined,
  options: DownloadOptions,
): Outcome | undefined {
  if (status === 404 || status === 410) return fault("not-found", `the server has no such product (${status})`);
  if (status >= 500 || status === 408 || status === 429) return fault("server", `the server answers ${status}`);
  if (status !== 200) return fault("refused", `the server answers ${status}`);
  if (typeof length !== "string" || !/^\d+$/.test(length)) return undefined;
  const announced = options.sizeBytes;
  if (announced !== undefined && Number(length) !== announced) {
    return fault("size", `the server has ${length} bytes, ${announced} were announced`);
  }
  return judgeSize(Number(length), options);
}

function judgeSize(size: number, options: DownloadOptions): Outcome | undefined {
  if (size > options.productBytesMax)
    return fault("too-large", `larger than productBytesMax, ${options.productBytesMax}`);
  if (options.sizeBytes !== undefined && size > options.sizeBytes) {
    return fault("size", `got more than the ${options.sizeBytes} bytes announced`);
  }
  return undefined;
}
