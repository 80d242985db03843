// monitor: no counterpart in sr3; the page of the flow, from what Prometheus, Alertmanager and the auditor on this host know.
import { type AgentContext, type RunningAgent, runAgent } from "../lib/agent-main.ts";
import { loadAssets } from "./assets.ts";
import { type Config, configSchema } from "./config.ts";
import { Monitor } from "./monitor.ts";
import { servePage } from "./page-server.ts";
import { PrometheusSource } from "./prometheus.ts";
import { openTelemetry } from "./telemetry.ts";

async function start({ config, log, metrics, lifeCycle }: AgentContext<Config>): Promise<RunningAgent> {
  const { page, map, prometheusUrl, requestTimeoutMs: timeoutMs, answerBytesMax: bytesMax, auditorUrl } = config;
  const stopping = new AbortController();
  const source = new PrometheusSource(prometheusUrl, map, { timeoutMs, bytesMax });
  const telemetry = openTelemetry(log, metrics, () => monitor.hub.listenersCount);
  const monitor = new Monitor(config, source, telemetry);
  const server = await servePage({
    ...{
      page,
      map,
      hub: monitor.hub,
      assets: await loadAssets(),
      nowMs: Date.now,
      hasAlerts: config.alertmanagerUrl !== undefined,
    },
    history: (range) => monitor.history(range),
    search: auditorUrl === undefined ? undefined : (name) => monitor.search(name),
  });
  log.info({ port: server.port }, "serving the page");
  const running = monitor.run(stopping.signal).catch((error: Error) => lifeCycle.fail(error));
  lifeCycle.ready();
  return {
    status() {
      const faults = Object.entries(telemetry.faults).map(([name, fault]) => `${name} does not answer: ${fault}`);
      const fault = faults[0];
      return {
        ok: telemetry.polls > 0 && fault === undefined,
        text: `page on port ${server.port}, ${monitor.hub.listenersCount} browsers${faults.map((text) => `; ${text}`).join("")}`,
        ...(fault === undefined ? {} : { fault }),
        done: telemetry.polls,
      };
    },
    async stop() {
      stopping.abort();
      await running;
      await server.close();
    },
  };
}

export const main = (argv: readonly string[]) => runAgent({ name: "monitor", configSchema, start }, argv);
if (import.meta.main) process.exit(await main(process.argv.slice(2)));
