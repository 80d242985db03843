import {
  type Answer,
  jsonOf,
  ManagementClient,
  ManagementError,
  type ManagementRequest,
  reasonOf,
} from "../lib/management.ts";
import type { Config } from "./config.ts";
import { type Binding, type QueueFacts, readBindings, readPage, readQueue } from "./queue-facts.ts";

export interface ManagementApiOptions {
  readonly management: Config["management"];
  readonly queuesMax: number;
  readonly signal: AbortSignal;
}

/** The result of a poll of a vhost. */
export interface QueueList {
  readonly queues: readonly QueueFacts[];
  /** Queues whose state is unknown now. */
  readonly unknown: readonly { readonly vhost: string; readonly name: string }[];
}

const pageSize = 500;
/** Limits what the broker has to gather and send. */
const columns = [
  ...["vhost", "name", "type", "exclusive", "durable", "arguments", "state", "consumers", "messages", "message_bytes"],
  ...["deliver_get", "ack", "get_empty"].map((name) => `message_stats.${name}`),
].join(",");
const part = encodeURIComponent;

/** The bindings of a queue that was bound a hundred thousand times take 30 MB. */
const answerBytesMax = 64 << 20;

/** The parts of RabbitMQ's management API that manage queues. Every call asks the brokers in turn until one answers. */
export class ManagementApi {
  readonly #queuesMax: number;
  readonly #signal: AbortSignal;
  readonly #client: ManagementClient;

  constructor({ management, queuesMax, signal }: ManagementApiOptions) {
    const { urls, user, passwordFile, caFile, requestTimeoutMs } = management;
    this.#queuesMax = queuesMax;
    this.#signal = signal;
    this.#client = new ManagementClient({
      urls,
      login: { user, password: { file: passwordFile } },
      ca: caFile === undefined ? undefined : { file: caFile },
      timeoutMs: requestTimeoutMs,
      answerBytesMax,
    });
  }

  /** All queues of a vhost except exclusive ones. Rejects if there are more than `queuesMax`. */
  async queues(vhost: string): Promise<QueueList> {
    const queuesMax = this.#queuesMax;
    const found: QueueFacts[] = [];
    const unknown: { vhost: string; name: string }[] = [];
    for (let page = 1, pages = 1; page <= pages; page += 1) {
      const path = `queues/${part(vhost)}?page=${page}&page_size=${pageSize}&sort=name&columns=${columns}`;
      const list = readPage(await this.#ask(`queues of vhost ${vhost}`, { path }));
      if (list.total > queuesMax || list.pages > Math.ceil(queuesMax / pageSize)) {
        throw new Error(
          `vhost ${vhost} has ${list.total} queues, more than queuesMax, ${queuesMax}: no steps are taken`,
        );
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

  /** The current state of one queue. */
  async queue(vhost: string, name: string): Promise<QueueFacts | "unknown" | "gone"> {
    const { status, body } = await this.#send({ path: `queues/${part(vhost)}/${part(name)}?columns=${columns}` });
    if (status === 404) return "gone";
    if (status !== 200) throw fault(`queue ${name}`, status, body);
    const read = readQueue(body);
    return read === "owned" ? "unknown" : read;
  }

  /** `unreadable`: the broker can't answer. RabbitMQ fails for a binding with arguments and a `~` in its routing key. */
  async bindings(vhost: string, name: string): Promise<ReturnType<typeof readBindings> | "unreadable"> {
    const { status, body } = await this.#send({ path: ["queues", vhost, name, "bindings"] });
    if (status === 500) return "unreadable";
    if (status !== 200) throw fault(`bindings of ${name}`, status, body);
    return readBindings(body);
  }

  /** Removes a binding; a missing one is not an error. */
  async unbind(vhost: string, name: string, { source, propertiesKey }: { source: string; propertiesKey: string }) {
    const path = ["bindings", vhost, "e", source, "q", name, propertiesKey];
    await this.#ask(`unbinding ${name} from ${source}`, { method: "DELETE", path }, [204, 404]);
  }

  async bind(vhost: string, name: string, { source, routingKey, arguments: own }: Binding): Promise<void> {
    const path = ["bindings", vhost, "e", source, "q", name];
    const body = { routing_key: routingKey, arguments: own };
    // 404: the exchange is gone, so the binding is pointless.
    await this.#ask(`binding ${name} to ${source}`, { method: "POST", path, body }, [201, 204, 404]);
  }

  /** Deletes a queue that has no consumers. `unsupported`: the broker has no if-unused deletion for this type of queue. */
  async deleteUnused(vhost: string, name: string): Promise<"deleted" | "gone" | "used" | "unsupported"> {
    const { status, body } = await this.#send({
      method: "DELETE",
      path: `queues/${part(vhost)}/${part(name)}?if-unused=true`,
    });
    if (status === 204) return "deleted";
    if (status === 404) return "gone";
    const reason = reasonOf(body);
    if (status === 400 && /in use/.test(reason)) return "used";
    if (/not supported/.test(reason)) return "unsupported";
    throw fault(`deleting ${name}`, status, body);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #ask(what: string, request: ManagementRequest, good: readonly number[] = [200]): Promise<unknown> {
    const { status, body } = await this.#send(request);
    if (!good.includes(status)) throw fault(what, status, body);
    return body;
  }

  async #send(request: ManagementRequest): Promise<{ readonly status: Answer["status"]; readonly body: unknown }> {
    const { status, text } = await this.#client.send({ ...request, signal: this.#signal });
    return { status, body: jsonOf(text) };
  }
}

function fault(what: string, status: number, body: unknown): ManagementError {
  const reason = reasonOf(body);
  return new ManagementError(
    `${what}: the broker answered ${status}${reason === "" ? "" : `, ${reason}`}`,
    status,
    reason,
  );
}
