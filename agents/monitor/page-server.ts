import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { renderToString } from "preact-render-to-string";
import type { Answered } from "../lib/ask-json.ts";
import { UserError } from "../lib/errors.ts";
import type { Assets } from "./assets.ts";
import type { Config } from "./config.ts";
import type { Hub } from "./hub.ts";
import { mapShape } from "./map-shape.ts";
import type { Start } from "./page/client.ts";
import { h } from "./page/element.ts";
import { Page } from "./page/page.ts";
import type { Found } from "./search.ts";
import { type History, isRange, type Range } from "./view.ts";

const zip = promisify(gzip);

interface PageServerOptions {
  readonly page: Config["page"];
  readonly map: Config["map"];
  readonly hub: Hub;
  readonly assets: Assets;
  history(range: Range): Promise<Answered<History>>;
  /** Undefined without an auditor. */
  readonly search: ((name: string) => Promise<Answered<Found>>) | undefined;
  /** Whether there is an Alertmanager. */
  readonly hasAlerts: boolean;
  readonly nowMs: () => number;
}

export interface PageServer {
  readonly port: number;
  close(): Promise<void>;
}

const queryMax = 4096;
const headerBytesMax = 8192;
const requestTimeoutMs = 10_000;
/** A browser that reads so slowly that this much waits for it is disconnected; it connects again. */
const unsentBytesMax = 256 * 1024;

const securityHeaders = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
} as const;

const types = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  json: "application/json",
};
type Kind = keyof typeof types;

/** Serves the page: GET and HEAD only, everything else is refused. A port in use is for the operator to resolve. */
export async function servePage(options: PageServerOptions): Promise<PageServer> {
  const { page } = options;
  const files = fixedFiles(options.assets);
  const server = createServer(
    { maxHeaderSize: headerBytesMax, requestTimeout: requestTimeoutMs },
    (request, response) => {
      for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
      answer(request, response, options, files).catch(() => response.destroy());
    },
  );
  server.maxConnections = page.connectionsMax;
  server.listen(page.port, page.address);
  await once(server, "listening").catch((error: Error) => {
    throw new UserError(
      "page",
      `can't listen on ${page.address}:${page.port}: ${error.message}`,
      "give another page.port",
      { cause: error },
    );
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : page.port,
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

interface FixedFile {
  readonly kind: Kind;
  readonly content: string;
}

/** Script and style, under names of their content, so that browsers may keep them. */
function fixedFiles({ script, style }: Assets) {
  const named = (kind: "js" | "css", content: string): readonly [string, FixedFile] => [
    `page-${createHash("sha256").update(content).digest("hex").slice(0, 16)}.${kind}`,
    { kind, content },
  ];
  const [js, css] = [named("js", script), named("css", style)];
  return { scriptName: js[0], styleName: css[0], byName: new Map([js, css]) };
}

type Files = ReturnType<typeof fixedFiles>;

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: PageServerOptions,
  files: Files,
): Promise<void> {
  const send = (status: number, kind: Kind, content: string, cache = "no-store") =>
    sendText(request, response, { status, kind, content, cache });
  const refuse = (status: number, error: string) => send(status, "json", `${JSON.stringify({ error })}\n`);
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return refuse(405, "only GET and HEAD");
  }
  // Another site's name that leads to this address must not make a browser show it this page.
  if (!isOwnName(request.headers.host, options.page.names))
    return refuse(421, "unknown name in Host; see `page.names`");
  if ((request.url?.length ?? 0) > queryMax) return refuse(414, "too long");
  const url = URL.parse(request.url ?? "", "http://page");
  if (!url) return refuse(400, "not a URL");
  const file = files.byName.get(url.pathname.slice(1));
  if (file) return send(200, file.kind, file.content, "public, max-age=31536000, immutable");
  switch (url.pathname) {
    case "/":
      return send(200, "html", htmlOf(options, files));
    case "/view":
      return send(200, "json", JSON.stringify(currentOf(options)));
    case "/events":
      return sendEvents(request, response, options, Number(url.searchParams.get("after")));
    case "/history": {
      const range = url.searchParams.get("range") ?? "";
      if (!isRange(range)) return refuse(400, "expected range=1h, 24h or 15d");
      const history = await options.history(range);
      return "fault" in history ? refuse(503, history.fault) : send(200, "json", JSON.stringify(history.value));
    }
    case "/search": {
      if (!options.search) return refuse(404, "this page has no auditor to ask");
      const found = await options.search(url.searchParams.get("name") ?? "");
      return "fault" in found ? refuse(503, found.fault) : send(200, "json", JSON.stringify(found.value));
    }
    default:
      return refuse(404, "no such page");
  }
}

const loopbackNames = ["localhost", "127.0.0.1", "[::1]"];

const isOwnName = (host: string | undefined, names: readonly string[]): boolean =>
  host !== undefined && [...loopbackNames, ...names].includes(host.replace(/:\d+$/, "").toLowerCase());

const currentOf = ({ hub, nowMs }: PageServerOptions): Pick<Start, "view" | "ageMs" | "sequence"> => ({
  ...{ view: hub.view, ageMs: hub.ageMs(nowMs()), sequence: hub.sequence },
});

/** The first paint, complete without a script; the script continues from the same values. */
function htmlOf(options: PageServerOptions, { scriptName, styleName }: Files): string {
  const start: Start = {
    ...currentOf(options),
    paths: mapShape(options.map),
    canSearch: options.search !== undefined,
    hasAlerts: options.hasAlerts,
  };
  const page = h(Page, { ...start, isConnected: true });
  const html = h("html", { lang: "en" }, [
    h("head", {}, [
      h("meta", { charset: "utf-8" }),
      h("meta", { name: "viewport", content: "width=device-width, initial-scale=1" }),
      h("title", {}, `${start.view.stack}: flow`),
      h("link", { rel: "icon", href: "data:," }),
      h("link", { rel: "stylesheet", href: styleName }),
      h("script", { src: scriptName, defer: true }),
    ]),
    h("body", {}, h("div", { id: "root", "data-start": JSON.stringify(start) }, page)),
  ]);
  return `<!doctype html>${renderToString(html)}`;
}

interface Sent {
  readonly status: number;
  readonly kind: Kind;
  readonly content: string;
  readonly cache: string;
}

async function sendText(
  request: IncomingMessage,
  response: ServerResponse,
  { status, kind, content, cache }: Sent,
): Promise<void> {
  const isZipped = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
  const body = isZipped ? await zip(content) : Buffer.from(content);
  response.writeHead(status, {
    "content-type": types[kind],
    "content-length": body.length,
    "cache-control": cache,
    vary: "accept-encoding",
    ...(isZipped ? { "content-encoding": "gzip" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

function sendEvents(
  request: IncomingMessage,
  response: ServerResponse,
  { hub, nowMs }: PageServerOptions,
  after: number,
): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  if (request.method === "HEAD") return void response.end();
  const { first, stop } = hub.listen(
    after,
    (event) => {
      if (response.writableLength > unsentBytesMax) response.destroy();
      else response.write(event);
    },
    nowMs(),
  );
  response.write(first);
  response.on("close", stop);
}
