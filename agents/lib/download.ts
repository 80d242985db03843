import type { Dispatcher } from "undici";
import errors from "undici/lib/core/errors.js";
import Agent from "undici/lib/dispatcher/agent.js";

/** Why an attempt failed, as named in the metrics. */
export type FaultCause = "not-found" | "refused" | "server" | "network" | "timeout" | "size" | "too-large";

/** An attempt that failed because of the server, the network or the product. */
export interface Fault {
  readonly kind: "fault";
  readonly cause: FaultCause;
  readonly text: string;
  /** The server gave no answer at all: no connection, or nothing in time. A server that breaks off midway is alive. */
  readonly silent?: true;
}

/** The result of one attempt. */
export type Outcome = { readonly kind: "complete" } | Fault;

export interface DownloadOptions {
  readonly url: string;
  /** The announced size; undefined if none was announced. */
  readonly sizeBytes: number | undefined;
  readonly productBytesMax: number;
  /** Receives each chunk of the body, in order, and is awaited if it returns a promise. `download` rejects with its errors. */
  readonly onChunk: (chunk: Uint8Array) => Promise<void> | undefined;
  /** Aborts the attempt; `download` then rejects with the signal's reason. */
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
}

export interface DownloaderLimits {
  readonly connectionsMax: number;
  readonly connectTimeoutMs: number;
  readonly pullTimeoutMs: number;
}

const fault = (cause: FaultCause, text: string): Fault => ({ kind: "fault", cause, text });

// A server that keeps connections longer says so in its answer; apache's own default is 5 s.
const keepAliveTimeoutMs = 4_000;

/** Fetches products over persistent connections: one pool of at most `connectionsMax` for each origin. */
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

  /** Makes one attempt. Faults of the server, the network and the size are returned as values; redirects are not followed. */
  async download(options: DownloadOptions): Promise<Outcome> {
    options.signal.throwIfAborted();
    const { origin, pathname, search } = new URL(options.url);
    const transfer = new Transfer(options, (error) => this.#explain(error));
    this.#agent.dispatch({ origin, path: pathname + search, method: "GET" }, transfer);
    return transfer.outcome;
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #explain(error: Error & { code?: string }): Fault {
    const { connectTimeoutMs, pullTimeoutMs } = this.#limits;
    if (error instanceof errors.ConnectTimeoutError)
      return fault("timeout", `no connection within ${connectTimeoutMs} ms`);
    if (error instanceof errors.HeadersTimeoutError) return fault("timeout", `no answer within ${pullTimeoutMs} ms`);
    if (error instanceof errors.BodyTimeoutError) return fault("timeout", `no data for ${pullTimeoutMs} ms`);
    const text =
      error instanceof AggregateError ? error.errors.map((one: Error) => one.message).join("; ") : error.message;
    return fault("network", text || (error.code ?? error.name));
  }
}

/** Small unwanted bodies are read to their end, so that the connection can be reused. */
const unwantedBytesMax = 65_536;
const unwanted = new Error("the rest is not needed");

/**
 * One request, by undici's own events: streams, iterators and joined signals would take three times the CPU time of a small
 * product's transfer.
 */
class Transfer implements Dispatcher.DispatchHandler {
  readonly #options: DownloadOptions;
  readonly #explain: (error: Error) => Fault;
  readonly #outcome = Promise.withResolvers<Outcome>();
  readonly #deadline: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | undefined;
  #isAnswered = false;
  /** Why its body is not wanted. */
  #refused: Outcome | undefined;
  #bytes = 0;
  #writing: Promise<void> | undefined;
  #isOver = false;

  constructor(options: DownloadOptions, explain: (error: Error) => Fault) {
    this.#options = options;
    this.#explain = explain;
    this.#deadline = setTimeout(this.#onDeadline, options.deadlineMs);
    options.signal.addEventListener("abort", this.#onAbort);
  }

  /** Resolves once no more data arrives and no chunk is being written. */
  get outcome(): Promise<Outcome> {
    return this.#outcome.promise;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isOver) controller.abort(unwanted);
  }

  onResponseStart(_: unknown, status: number, headers: Record<string, string | string[] | undefined>): void {
    // An informational answer; another one follows.
    if (status < 200) return;
    this.#isAnswered = true;
    this.#refused = checkAnswer(status, headers["content-length"], this.#options);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    // An empty chunk comes each time a paused body resumes.
    if (this.#isOver || chunk.byteLength === 0) return;
    this.#bytes += chunk.byteLength;
    if (this.#refused) {
      if (this.#bytes > unwantedBytesMax) this.#end(this.#refused);
      return;
    }
    const tooMuch = checkSize(this.#bytes, this.#options);
    if (tooMuch) this.#end(tooMuch);
    else this.#writeChunk(controller, chunk);
  }

  onResponseEnd(): void {
    // Nothing is left to abort.
    this.#controller = undefined;
    const { sizeBytes } = this.#options;
    if (this.#refused) this.#end(this.#refused);
    else if (sizeBytes === undefined || this.#bytes === sizeBytes) this.#end({ kind: "complete" });
    else this.#end(fault("size", `got ${this.#bytes} bytes, but ${sizeBytes} were announced`));
  }

  onResponseError(_: unknown, error: Error): void {
    this.#end(this.#refused ?? this.#unlessAnswered(this.#explain(error)));
  }

  readonly #onDeadline = (): void => {
    this.#end(
      this.#refused ?? this.#unlessAnswered(fault("timeout", `not complete within ${this.#options.deadlineMs} ms`)),
    );
  };

  readonly #onAbort = (): void => this.#fail(this.#options.signal.reason);

  #unlessAnswered(failed: Fault): Fault {
    return this.#isAnswered ? failed : { ...failed, silent: true };
  }

  #writeChunk(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    const { onChunk } = this.#options;
    try {
      // After a connection has ended, its last chunks arrive even while paused.
      const writing = this.#writing ? this.#writing.then(() => onChunk(chunk)) : onChunk(chunk);
      if (writing) this.#await(controller, writing);
    } catch (error) {
      this.#fail(error);
    }
  }

  #await(controller: Dispatcher.DispatchController, writing: Promise<void>): void {
    controller.pause();
    const written = writing.then(() => {
      if (this.#writing !== written) return;
      this.#writing = undefined;
      if (!this.#isOver) controller.resume();
    });
    this.#writing = written;
    written.catch((error: unknown) => this.#fail(error));
  }

  #fail(reason: unknown): void {
    this.#finish(() => this.#outcome.reject(reason));
  }

  #end(outcome: Outcome): void {
    this.#finish(() => this.#outcome.resolve(outcome));
  }

  #finish(settle: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // A timer or listener left behind would keep the pull's memory.
    clearTimeout(this.#deadline);
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.#controller?.abort(unwanted);
    if (this.#writing) this.#writing.then(settle, this.#outcome.reject);
    else settle();
  }
}

function checkAnswer(
  status: number,
  length: string | string[] | undefined,
  options: DownloadOptions,
): Outcome | undefined {
  if (status === 404 || status === 410) return fault("not-found", `the server does not have the product (${status})`);
  if (status >= 500 || status === 408 || status === 429) return fault("server", `the server answers ${status}`);
  if (status !== 200) return fault("refused", `the server answers ${status}`);
  if (typeof length !== "string" || !/^\d+$/.test(length)) return undefined;
  const announced = options.sizeBytes;
  if (announced !== undefined && Number(length) !== announced) {
    return fault("size", `the server has ${length} bytes, but ${announced} were announced`);
  }
  return checkSize(Number(length), options);
}

function checkSize(size: number, options: DownloadOptions): Outcome | undefined {
  if (size > options.productBytesMax)
    return fault("too-large", `larger than productBytesMax (${options.productBytesMax})`);
  if (options.sizeBytes !== undefined && size > options.sizeBytes) {
    return fault("size", `got more than the announced ${options.sizeBytes} bytes`);
  }
  return undefined;
}
