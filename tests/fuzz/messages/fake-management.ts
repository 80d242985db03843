import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Cleanup } from "../../rigs/cleanup.ts";

/** One queue as this management API tells of it. */
export interface FakeQueue {
  readonly name: string;
  /** The item in a list of queues, as JSON. */
  readonly item: string;
  /** Its bindings, as JSON. */
  readonly bindings: string;
  /** What comes of deleting it. */
  readonly deletion: { readonly status: number; readonly body: string };
}

type Answer = (response: ServerResponse) => void;

const json =
  (text: string, status = 200): Answer =>
  (response) =>
    void response.writeHead(status, { "content-type": "application/json" }).end(text);

/** What a list of queues is answered with now and then: whole answers that are none. */
const oddLists: readonly Answer[] = [
  ...[
    "",
    "null",
    "[]",
    "{}",
    "x",
    '"',
    '{"items":null}',
    '{"items":{}}',
    '{"items":[null,1,[],"x"],"page_count":1,"total_count":4}',
  ],
  ...['{"items":[],"page_count":-1}', '{"items":[],"page_count":"x"}', '{"items":[],"page_count":1e9,"total_count":0}'],
  ...[
    '{"items":[],"page_count":1,"total_count":1e99}',
    '{"__proto__":{"items":[],"page_count":1}}',
    "[".repeat(20_000),
  ],
  ...[
    '<html lang="en">proxy</html>',
    `{"items":[${"[".repeat(20_000)}${"]".repeat(20_000)}],"page_count":1,"total_count":1}`,
    " ".repeat(5_000_000),
  ],
].map((text) => json(text));
const oddStatuses: readonly Answer[] = [
  ...[204, 400, 404, 418, 500, 503].map((status) => json('{"error":"x","reason":[{"__proto__":1}]}', status)),
  (response) => void response.writeHead(302, { location: "http://169.254.169.254/" }).end(),
  (response) => void response.writeHead(200, { "content-length": "1000" }).write("{", () => response.destroy()),
  (response) => void response.destroy(),
  (response) => void response.writeHead(200, { "content-encoding": "gzip" }).end("x"),
];
const oddAnswers = [...oddLists, ...oddStatuses];
/** One in so many: a queue has to be seen again within three looks. */
const oddEvery = 3;

/** A management API on loopback, of a broker with these queues, which lies now and then. */
export class FakeManagement {
  readonly queues = new Map<string, FakeQueue>();
  /** Times that each queue was deleted. */
  readonly deleted = new Map<string, number>();
  /** Lists that were answered whole. */
  rounds = 0;
  #lists = 0;
  #odd: Answer | undefined;
  #port = 0;

  /** `first`: which of the odd answers comes first. */
  static async start(queues: readonly FakeQueue[], first: number, cleanup: Cleanup): Promise<FakeManagement> {
    const fake = new FakeManagement();
    fake.#lists = oddEvery * (first % oddAnswers.length);
    for (const queue of queues) fake.queues.set(queue.name, queue);
    const server = createServer((request, response) => fake.#answer(request, response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    fake.#port = (server.address() as AddressInfo).port;
    cleanup.add(() => {
      server.closeAllConnections();
      server.close();
    });
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  #answer({ method = "", url = "" }: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(url, this.url);
    const [, , what, , name] = pathname.split("/").map(decodeURIComponent);
    if (what === "queues" && name === undefined) this.#list(searchParams, response);
    else if (what === "queues" && method === "DELETE") this.#delete(name ?? "", response);
    else if (what === "queues" && pathname.endsWith("/bindings"))
      json(this.queues.get(name ?? "")?.bindings ?? "[]")(response);
    else if (what === "queues") this.#one(name ?? "", response);
    else response.writeHead(method === "POST" ? 201 : 204).end();
  }

  #list(parameters: URLSearchParams, response: ServerResponse): void {
    const [page, size] = [Number(parameters.get("page")), Number(parameters.get("page_size"))];
    // What is odd of a list is so on each of its pages.
    if (page === 1) {
      this.#lists += 1;
      this.#odd =
        this.#lists % oddEvery === 0 ? oddAnswers[(this.#lists / oddEvery - 1) % oddAnswers.length] : undefined;
    }
    if (this.#odd) {
      this.#odd(response);
      return;
    }
    const all = [...this.queues.values()];
    const pages = Math.max(1, Math.ceil(all.length / size));
    if (page === pages) this.rounds += 1;
    const items = all.slice((page - 1) * size, page * size).map(({ item }) => item);
    json(`{"items":[${items.join(",")}],"page_count":${pages},"total_count":${all.length}}`)(response);
  }

  #one(name: string, response: ServerResponse): void {
    const queue = this.queues.get(name);
    if (queue) json(queue.item)(response);
    else json('{"error":"Object Not Found","reason":"Not Found"}', 404)(response);
  }

  #delete(name: string, response: ServerResponse): void {
    this.deleted.set(name, (this.deleted.get(name) ?? 0) + 1);
    const { status, body } = this.queues.get(name)?.deletion ?? { status: 404, body: "{}" };
    if (status === 204) this.queues.delete(name);
    response.writeHead(status).end(status === 204 ? undefined : body);
  }
}
