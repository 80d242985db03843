import { Agent, type Dispatcher, errors } from "undici";

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
  /** Each piece of the body, in order; what it throws or rejects with, `download` rejects with. Waited for where it takes time. */
  readonly onChunk: (chunk: Uint8Array) => Promise<void> | undefined;
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
    if (error instanceof errors.BodyTimeoutError) return fault("timeout", `nothing came for ${pullTimeoutMs} ms`);
    const text =
      error instanceof AggregateError ? error.errors.map((one: Error) => one.message).join("; ") : error.message;
    return fault("network", text || (error.code ?? error.name));
  }
}

/** Small bodies that nobody wants are read to their end, so that the connection can be used again. */
const unwantedBytesMax = 65_536;
const unwanted = new Error("nobody waits for the rest");

/**
 * One request, by undici's own events: streams, iterators and joined signals would take three times the processor of a small product's
 * whole transfer.
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

  /** Once nothing more of it comes, and no piece is being written. */
  get outcome(): Promise<Outcome> {
    return this.#outcome.promise;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isOver) controller.abort(unwanted);
  }

  onResponseStart(_: unknown, status: number, headers: Record<string, string | string[] | undefined>): void {
    // Another answer follows.
    if (status < 200) return;
    this.#isAnswered = true;
    this.#refused = judgeAnswer(status, headers["content-length"], this.#options);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    // An empty one comes each time that a paused body goes on.
    if (this.#isOver || chunk.byteLength === 0) return;
    this.#bytes += chunk.byteLength;
    if (this.#refused) {
      if (this.#bytes > unwantedBytesMax) this.#end(this.#refused);
      return;
    }
    const tooMuch = judgeSize(this.#bytes, this.#options);
    if (tooMuch) this.#end(tooMuch);
    else this.#take(controller, chunk);
  }

  onResponseEnd(): void {
    // Nothing is left to be broken off.
    this.#controller = undefined;
    const { sizeBytes } = this.#options;
    if (this.#refused) this.#end(this.#refused);
    else if (sizeBytes === undefined || this.#bytes === sizeBytes) this.#end({ kind: "whole" });
    else this.#end(fault("size", `got ${this.#bytes} bytes, ${sizeBytes} were announced`));
  }

  onResponseError(_: unknown, error: Error): void {
    this.#end(this.#refused ?? this.#unlessAnswered(this.#explain(error)));
  }

  readonly #onDeadline = (): void => {
    this.#end(
      this.#refused ?? this.#unlessAnswered(fault("timeout", `not done within ${this.#options.deadlineMs} ms`)),
    );
  };

  readonly #onAbort = (): void => this.#fail(this.#options.signal.reason);

  #unlessAnswered(failed: Fault): Fault {
    return this.#isAnswered ? failed : { ...failed, silent: true };
  }

  #take(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    const { onChunk } = this.#options;
    try {
      // Of a connection that has ended the last pieces come, paused or not.
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

  #finish(tell: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // A timer or listener that outlived its pull would keep the pull's memory for as long.
    clearTimeout(this.#deadline);
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.#controller?.abort(unwanted);
    if (this.#writing) this.#writing.then(tell, this.#outcome.reject);
    else tell();
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
