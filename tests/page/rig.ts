import { join } from "node:path";
import { buildAssets } from "../../agents/monitor/assets.ts";
import { configSchema, type FlowMap } from "../../agents/monitor/config.ts";
import { Monitor } from "../../agents/monitor/monitor.ts";
import { type PageServer, servePage } from "../../agents/monitor/page-server.ts";
import { PrometheusSource } from "../../agents/monitor/prometheus.ts";
import { promqlOf, type Query, queriesOf, seldomQueries } from "../../agents/monitor/queries.ts";
import { startLocalServer } from "../rigs/local-server.ts";
import { mapOf, type Scenario } from "./scenarios.ts";

const checkout = join(import.meta.dirname, "../..");

/** Answers as Prometheus, Alertmanager and the auditor do, from a scenario. */
export interface Sources {
  scenario: Scenario;
  /** Milliseconds that the newest answers are old; undefined: nobody answers. */
  isSilent: boolean;
  /** The auditor's answer to a search. */
  product: object | undefined;
  readonly asked: string[];
  readonly url: string;
  close(): Promise<void>;
}

async function startSources(map: FlowMap, scenario: Scenario): Promise<Sources> {
  const names = new Map(
    Object.entries<Query>({ ...queriesOf(map), ...seldomQueries }).map(([name, query]) => [promqlOf(query), name]),
  );
  const asked: string[] = [];
  const { baseUrl, close } = await startLocalServer((request, response) => {
    const url = new URL(request.url ?? "", "http://sources");
    asked.push(url.pathname);
    if (sources.isSilent) return void response.writeHead(503).end();
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(answerTo(url, sources, names)));
  });
  const url = new URL(baseUrl).origin;
  const sources: Sources = { scenario, isSilent: false, product: undefined, asked, url, close };
  return sources;
}

function answerTo(url: URL, { scenario, product }: Sources, names: ReadonlyMap<string, string>): unknown {
  const query = url.searchParams.get("query") ?? "";
  switch (url.pathname) {
    case "/api/v1/query": {
      const samples = scenario.figures[(names.get(query) ?? "") as keyof Scenario["figures"]] ?? [];
      const result = samples.map(({ labels, value }) => ({
        metric: labels,
        value: [Date.now() / 1000, String(value)],
      }));
      return { status: "success", data: { resultType: "vector", result } };
    }
    case "/api/v1/query_range":
      return { status: "success", data: { resultType: "matrix", result: [{ metric: {}, values: wave(url) }] } };
    case "/api/v2/alerts":
      return scenario.alerts;
    case "/api/v2/silences":
      return scenario.silences;
    default:
      return { version: 1, knows: true, products: product === undefined ? [] : [product] };
  }
}

/** A day's rhythm, of the size of what is asked for. */
function wave({ searchParams }: URL): [number, string][] {
  const [start, end, step] = ["start", "end", "step"].map((name) => Number(searchParams.get(name)));
  const query = searchParams.get("query") ?? "";
  const size = query.includes("0.99")
    ? 0.24
    : query.includes("0.5,")
      ? 0.06
      : /rate/.test(query)
        ? /announced/.test(query)
          ? 24.8
          : 12.4
        : 0;
  const values: [number, string][] = [];
  for (let time = start ?? 0; time <= (end ?? 0); time += step ?? 60) {
    const swing = 1 + 0.25 * Math.sin(time / 900) + 0.08 * Math.sin(time / 37);
    values.push([time, String(size * swing)]);
  }
  return values;
}

export interface PageRig {
  readonly sources: Sources;
  readonly monitor: Monitor;
  readonly server: PageServer;
  readonly url: string;
  /** Sizes of the events of all polls. */
  readonly eventBytes: number[];
  close(): Promise<void>;
}

/** The monitor as its agent runs it, in this process; it polls when `poll` is called, or by itself with `runs`. */
export async function startPage(
  scenario: Scenario,
  { map = mapOf(), runs = false, intervalMs = 500 } = {},
): Promise<PageRig> {
  const sources = await startSources(map, scenario);
  const { url } = sources;
  const config = configSchema.parse({
    ...{ page: { port: 0 }, prometheusUrl: url, alertmanagerUrl: url, auditorUrl: url, intervalMs },
    ...{ metrics: { port: 0 }, map },
  });
  const limits = { timeoutMs: config.requestTimeoutMs, bytesMax: config.answerBytesMax };
  const eventBytes: number[] = [];
  const monitor = new Monitor(config, new PrometheusSource(url, map, limits), {
    polled: (_, bytes) => eventBytes.push(bytes),
  });
  await monitor.poll();
  const server = await servePage({
    ...{ page: config.page, map, hub: monitor.hub, assets: await assets(), nowMs: Date.now, hasAlerts: true },
    history: (range) => monitor.history(range),
    search: (name) => monitor.search(name),
  });
  const stopping = new AbortController();
  const running = runs ? monitor.run(stopping.signal) : undefined;
  return {
    ...{ sources, monitor, server, eventBytes, url: `http://127.0.0.1:${server.port}/` },
    async close() {
      stopping.abort();
      await running;
      await server.close();
      await sources.close();
    },
  };
}

let built: ReturnType<typeof buildAssets> | undefined;
/** Built once for all tests of a process. */
export const assets = (): ReturnType<typeof buildAssets> => {
  built ??= buildAssets(checkout);
  return built;
};
