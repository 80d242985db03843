import type { IncomingMessage, ServerResponse } from "node:http";
import type { Cleanup } from "../../rigs/cleanup.ts";
import { startLocalServer } from "../../rigs/local-server.ts";

/** A queue in this management API. */
export interface FakeQueue {
  readonly name: string;
  /** The item in a list of queues, as JSON. */
  readonly item: string;
  /** Its bindings, as JSON. */
  readonly bindings: string;
  /** The answer to its deletion. */
  readonly deletion: { readonly status: number; readonly body: string };
}

type Answer = (response: ServerResponse) => void;

const json =
  (text: string, status = 200): Answer =>
  (response) =>
    void response.writeHead(status, { "content-type": "application/json" }).end(text);
const page = (items: string, pages: number | string = 1, total: number | string = 1) =>
  `{"items":${items},"page_count":${pages},"total_count":${total}}`;

/** Occasional answers to a request for the list of queues. */
const oddAnswers: readonly Answer[] = [
  ...["", "null", "[]", "{}", "x", '"', '{"items":null}', page("{}"), page('[null,1,[],"x"]', 1, 4)].map((text) =>
    json(text),
  ),
  ...[page("[]", -1), page("[]", '"x"'), page("[]", 1e9, 0), page("[]", 1, "1e99")].map((text) => json(text)),
  ...[`{"__proto__":${page("[]")}}`, "[".repeat(20_000), '<html lang="en">proxy</html>'].map((text) => json(text)),
  ...[page(`[${"[".repeat(20_000)}${"]".repeat(20_000)}]`), " ".repeat(5_000_000)].map((text) => json(text)),
  ...[204, 400, 404, 418, 500, 503].map((status) => json('{"error":"x","reason":[{"__proto__":1}]}', status)),
  (response) => void response.writeHead(302, { location: "http://169.254.169.254/" }).end(),
  (response) => void response.writeHead(200, { "content-length": "1000" }).write("{", () => response.destroy()),
  (response) => void response.destroy(),
  (response) => void response.writeHead(200, { "content-encoding": "gzip" }).end("x"),
];
/** One list in this many is odd: a queue must be seen again within three lists. */
const oddEvery = 3;

/** The management API of a broker with these queues, on loopback. Some of its answers are wrong. */
export class FakeManagement {
  readonly queues = new Map<string, FakeQueue>();
  /** How often each queue was deleted. */
  readonly deleted = new Map<string, number>();
  /** Number of lists answered in full. */
  rounds = 0;
  url = "";
  #lists: number;
  #odd: Answer | undefined;

  /** @param first index of the first odd answer */
  constructor(queues: readonly FakeQueue[], first: number) {
    this.#lists = oddEvery * (first % oddAnswers.length);
    for (const queue of queues) this.queues.set(queue.name, queue);
  }

  async start(cleanup: Cleanup): Promise<void> {
    const server = await startLocalServer((request, response) => this.#answer(request, response));
    cleanup.add(() => server.close());
    this.url = new URL(server.baseUrl).origin;
  }

  #answer({ method = "", url = "" }: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(url, this.url);
    const [, , what, , name] = pathname.split("/").map(decodeURIComponent);
    const queue = this.queues.get(name ?? "");
    if (what !== "queues") response.writeHead(method === "POST" ? 201 : 204).end();
    else if (name === undefined) this.#list(searchParams, response);
    else if (method === "DELETE") this.#delete(name, response);
    else if (pathname.endsWith("/bindings")) json(queue?.bindings ?? "[]")(response);
    else if (queue) json(queue.item)(response);
    else json('{"error":"Object Not Found","reason":"Not Found"}', 404)(response);
  }

  #list(parameters: URLSearchParams, response: ServerResponse): void {
    const [at, size] = [Number(parameters.get("page")), Number(parameters.get("page_size"))];
    // An odd list is odd on each of its pages.
    if (at === 1) {
      this.#lists += 1;
      const odd = this.#lists % oddEvery === 0 ? this.#lists / oddEvery - 1 : -1;
      this.#odd = odd < 0 ? undefined : oddAnswers[odd % oddAnswers.length];
    }
    if (this.#odd) {
      this.#odd(response);
      return;
    }
    const all = [...this.queues.values()];
    const pages = Math.max(1, Math.ceil(all.length / size));
    if (at === pages) this.rounds += 1;
    const items = all.slice((at - 1) * size, at * size).map(({ item }) => item);
    json(page(`[${items}]`, pages, all.length))(response);
  }

  #delete(name: string, response: ServerResponse): void {
    this.deleted.set(name, (this.deleted.get(name) ?? 0) + 1);
    const { status, body } = this.queues.get(name)?.deletion ?? { status: 404, body: "{}" };
    if (status === 204) this.queues.delete(name);
    response.writeHead(status).end(status === 204 ? undefined : body);
  }
}
