import { readFile } from "node:fs/promises";
import { Agent, type Dispatcher, request } from "undici";
import type { Config } from "./config.ts";
import { type Binding, type QueueFacts, readBindings, readPage, readQueue } from "./queue-facts.ts";

/** An answer of the management API that is none of those that were expected. */
export class ManagementError extends Error {
  override readonly name = "ManagementError";
  readonly status: number;

  constructor(what: string, status: number, reason: string) {
    super(`${what}: the broker answered ${status}${reason === "" ? "" : `, ${reason}`}`);
    this.status = status;
  }
}

export interface ManagementOptions {
  readonly management: Config["management"];
  readonly queuesMax: number;
  readonly signal: AbortSignal;
}

/** What a look at a vhost gave. */
export interface QueueList {
  readonly queues: readonly QueueFacts[];
  /** Queues of which nothing may be concluded now. */
  readonly unknown: readonly { readonly vhost: string; readonly name: string }[];
}

type Answer = { readonly status: number; readonly body: unknown };

const pageSize = 500;
/** Only what is asked for has to be gathered and sent. */
const columns = [
  ...["vhost", "name", "type", "exclusive", "durable", "arguments", "state", "consumers", "messages", "message_bytes"],
  ...["deliver_get", "ack", "get_empty"].map((name) => `message_stats.${name}`),
].join(",");
const part = encodeURIComponent;

/** The management API of RabbitMQ, as far as queues are managed by it. Every call asks the brokers in turn until one answers. */
export class ManagementApi {
  readonly #options: ManagementOptions;
  #agent: { readonly dispatcher: Dispatcher; readonly authorization: string } | undefined;

  constructor(options: ManagementOptions) {
    this.#options = options;
  }

  /** All queues of a vhost but those that connections own. Rejects where there are more than `queuesMax`. */
  async queues(vhost: string): Promise<QueueList> {
    const { queuesMax } = this.#options;
    const found: QueueFacts[] = [];
    const unknown: { vhost: string; name: string }[] = [];
    for (let page = 1, pages = 1; page <= pages; page += 1) {
      const path = `/api/queues/${part(vhost)}?page=${page}&page_size=${pageSize}&sort=name&columns=${columns}`;
      const list = readPage(await this.#ask("GET", path, `queues of vhost ${vhost}`));
      if (list.total > queuesMax || list.pages > Math.ceil(queuesMax / pageSize)) {
        throw new Error(`vhost ${vhost} has ${list.total} queues, more than queuesMax, ${queuesMax}`);
      }
      pages = list.pages;
      for (const item of list.items) {
        const read = readQueue(item);
        if (read === "unknown") unknown.push({ vhost, name: item.name });
        else if (read !== "owned") found.push(read);
      }
    }
    return { queues: found, unknown };
  }

  /** One queue, as it is now. */
  async queue(vhost: string, name: string): Promise<QueueFacts | "unknown" | "gone"> {
    const { status, body } = await this.#send("GET", `/api/queues/${part(vhost)}/${part(name)}?columns=${columns}`);
    if (status === 404) return "gone";
    if (status !== 200) throw fault(`queue ${name}`, status, body);
    const read = readQueue(body);
    return read === "owned" ? "unknown" : read;
  }

  /** `unreadable`: the broker fails over its own answer, as RabbitMQ does where a binding has arguments and `~` in its routing key. */
  async bindings(vhost: string, name: string): Promise<ReturnType<typeof readBindings> | "unreadable"> {
    const { status, body } = await this.#send("GET", `/api/queues/${part(vhost)}/${part(name)}/bindings`);
    if (status === 500) return "unreadable";
    if (status !== 200) throw fault(`bindings of ${name}`, status, body);
    return readBindings(body);
  }

  /** Takes a binding off; one that is gone is no fault. */
  async unbind(vhost: string, name: string, { source, propertiesKey }: { source: string; propertiesKey: string }) {
    const path = `/api/bindings/${part(vhost)}/e/${part(source)}/q/${part(name)}/${part(propertiesKey)}`;
    await this.#ask("DELETE", path, `unbinding ${name} from ${source}`, { good: [204, 404] });
  }

  async bind(vhost: string, name: string, { source, routingKey, arguments: own }: Binding): Promise<void> {
    const path = `/api/bindings/${part(vhost)}/e/${part(source)}/q/${part(name)}`;
    // 404: the exchange is gone, and with it what the binding was for.
    await this.#ask("POST", path, `binding ${name} to ${source}`, {
      good: [201, 204, 404],
      body: { routing_key: routingKey, arguments: own },
    });
  }

  /** Deletes a queue that nobody has subscribed to. `unsupported`: of this type brokers don't delete queues on that condition. */
  async deleteUnused(vhost: string, name: string): Promise<"deleted" | "gone" | "used" | "unsupported"> {
    const { status, body } = await this.#send("DELETE", `/api/queues/${part(vhost)}/${part(name)}?if-unused=true`);
    if (status === 204) return "deleted";
    if (status === 404) return "gone";
    const reason = reasonOf(body);
    if (status === 400 && /in use/.test(reason)) return "used";
    if (/not supported/.test(reason)) return "unsupported";
    throw fault(`deleting ${name}`, status, body);
  }

  async close(): Promise<void> {
    await this.#agent?.dispatcher.close();
  }

  async #ask(
    method: Dispatcher.HttpMethod,
    path: string,
    what: string,
    { good = [200], body }: { good?: readonly number[]; body?: unknown } = {},
  ): Promise<unknown> {
    const answer = await this.#send(method, path, body);
    if (!good.includes(answer.status)) throw fault(what, answer.status, answer.body);
    return answer.body;
  }

  async #send(method: Dispatcher.HttpMethod, path: string, body?: unknown): Promise<Answer> {
    const faults: string[] = [];
    for (const url of this.#options.management.urls) {
      try {
        return await this.#sendTo(url, method, path, body);
      } catch (error) {
        if (this.#options.signal.aborted) throw error;
        faults.push(`${url}: ${(error as Error).message || (error as NodeJS.ErrnoException).code}`);
      }
    }
    throw new Error(`no management API answers: ${faults.join("; ")}`);
  }

  async #sendTo(url: string, method: Dispatcher.HttpMethod, path: string, body: unknown): Promise<Answer> {
    const { management, signal } = this.#options;
    const isKept = this.#agent !== undefined;
    const { dispatcher, authorization } = await this.#open();
    const send = async (by: Dispatcher) => {
      const { statusCode, body: answer } = await request(url.replace(/\/$/, "") + path, {
        method,
        dispatcher: by,
        headers: { authorization, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(management.requestTimeoutMs)]),
      });
      return { status: statusCode, text: await answer.text() };
    };
    const { status, text } = await send(dispatcher).catch(async (error: unknown) => {
      if (!isUntrusted(error)) throw error;
      // Its CA may be another one since the file was read.
      this.#forget();
      if (!isKept) throw error;
      return send((await this.#open()).dispatcher);
    });
    if (status === 401) this.#forget();
    // Behind a broker that is starting or ending, or a proxy: as if it did not answer.
    if (status >= 502 && status <= 504) throw new Error(`answered ${status}`);
    return { status, body: text === "" ? undefined : parseJson(text) };
  }

  async #open() {
    const { user, passwordFile, caFile } = this.#options.management;
    if (!this.#agent) {
      const password = (await readFile(passwordFile, "utf8")).replace(/\r?\n$/, "");
      const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
      const tls = caFile === undefined ? {} : { connect: { ca: await readFile(caFile) } };
      this.#agent = { dispatcher: new Agent(tls), authorization };
    }
    return this.#agent;
  }

  /** A new password, or new certificates, may be in the files. */
  #forget(): void {
    void this.#agent?.dispatcher.close();
    this.#agent = undefined;
  }
}

/** Nothing was sent then: the handshake failed by the server's certificate, for whatever of OpenSSL's reasons. */
const isUntrusted = (error: unknown): boolean =>
  /CERT|SIGNATURE|ISSUER/.test(String((error as NodeJS.ErrnoException | undefined)?.code));

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { reason: text.slice(0, 200) };
  }
}

function reasonOf(body: unknown): string {
  return String((body as { reason?: unknown } | undefined)?.reason ?? "");
}

function fault(what: string, status: number, body: unknown): ManagementError {
  return new ManagementError(what, status, reasonOf(body));
}
