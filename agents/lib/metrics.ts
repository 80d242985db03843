import { createServer, type Server } from "node:http";
import { Counter, Gauge, Histogram, type OpenMetricsContentType, Registry } from "prom-client";
import type { MetricsConfig } from "./config.ts";
import { UserError } from "./errors.ts";
import type { Health } from "./health.ts";

/** Buckets of how long a product takes, in seconds: the same for all agents, so that their histograms compare. */
export const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Names that the WMO publishes: <https://github.com/wmo-im/wis2-metric-hierarchy>. */
const wmoNames = "wmo_wis2_";

/** The metrics of one agent; every name gets the prefix `warren_<agent>_`, except those that the WMO publishes. */
export class Metrics {
  readonly #registry = new Registry<OpenMetricsContentType>();
  readonly #prefix: string;

  constructor(agent: string) {
    this.#registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    this.#prefix = `warren_${agent.replaceAll("-", "_")}_`;
    const started = this.gauge("start_time_seconds", "process start time in seconds since 1970");
    started.set(Math.round(Date.now() - process.uptime() * 1000) / 1000);
    // Read on a scrape: a memory gauge that is set from time to time is wrong most of the time.
    this.gauge("resident_memory_bytes", "resident memory of this process", (gauge) =>
      gauge.set(process.memoryUsage.rss()),
    );
  }

  /**
   * OpenMetrics adds `_total` to counter names itself. With `collect`, the count is kept elsewhere and read on a scrape, each time from 0.
   */
  counter<L extends string = never>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
    collect?: (counter: Counter<L>) => void,
  ): Counter<L> {
    const counter: Counter<L> = new Counter({
      name: this.#full(name),
      help,
      labelNames,
      registers: [this.#registry],
      ...(collect
        ? {
            collect: () => {
              counter.reset();
              collect(counter);
            },
          }
        : {}),
    });
    return counter;
  }

  gauge<L extends string = never>(
    name: string,
    help: string,
    collect?: (gauge: Gauge<L>) => void,
    labelNames: readonly L[] = [],
  ): Gauge<L> {
    const gauge: Gauge<L> = new Gauge({
      name: this.#full(name),
      help,
      labelNames,
      registers: [this.#registry],
      ...(collect ? { collect: () => collect(gauge) } : {}),
    });
    return gauge;
  }

  /** One of several states, as an OpenMetrics state set: a sample for each, labelled with the metric's own name, 1 for the current one. */
  stateSet<S extends string>(name: string, help: string, states: readonly S[], current: () => S): void {
    const label = this.#full(name);
    this.gauge<string>(
      name,
      help,
      (gauge) => {
        for (const state of states) gauge.set({ [label]: state }, state === current() ? 1 : 0);
      },
      [label],
    );
  }

  histogram<L extends string = never>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly L[] = [],
  ): Histogram<L> {
    return new Histogram({ name: this.#full(name), help, buckets, labelNames, registers: [this.#registry] });
  }

  #full(name: string): string {
    return name.startsWith(wmoNames) ? name : this.#prefix + name;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }
}

export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** The answer to a question that only some agents know; `body` is sent as JSON. */
export interface Answer {
  readonly status: number;
  readonly body: object;
}

/**
 * Serves `/metrics` (OpenMetrics) and `/health` (JSON, 503 if not ok). A port in use is for the operator to resolve.
 *
 * @param answer answers another path; undefined if the agent has no such path
 */
export async function serveMetrics(
  config: MetricsConfig,
  metrics: Metrics,
  health: () => Health,
  answer: (url: URL) => Answer | undefined = () => undefined,
): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    const path = request.url?.split("?")[0];
    if (path === "/metrics") {
      metrics.text().then(
        (text) => response.writeHead(200, { "content-type": metrics.contentType }).end(text),
        (error: Error) => response.writeHead(500, { "content-type": "text/plain" }).end(`${error.message}\n`),
      );
    } else if (path === "/health") {
      const status = health();
      response.writeHead(status.ok ? 200 : 503, { "content-type": "application/json" });
      response.end(`${JSON.stringify(status)}\n`);
    } else {
      const url = URL.parse(request.url ?? "", "http://agent");
      const answered = url ? answer(url) : undefined;
      if (answered) {
        response.writeHead(answered.status, { "content-type": "application/json" });
        response.end(`${JSON.stringify(answered.body)}\n`);
        return;
      }
      response.writeHead(404, { "content-type": "text/plain" }).end("only /metrics and /health exist\n");
    }
  });
  await listen(server, config);
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : config.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, config: MetricsConfig): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const where = `${config.address}:${config.port}`;
      const used = error.code === "EADDRINUSE";
      reject(
        new UserError(
          "metrics",
          used ? `${where} is in use by another process` : `can't listen on ${where}: ${error.message}`,
          used
            ? `stop that process (ss -ltnp 'sport = :${config.port}' shows it) or set metrics.port to another port`
            : undefined,
          { cause: error },
        ),
      );
    });
    server.listen({ host: config.address, port: config.port, exclusive: true }, resolve);
  });
}
