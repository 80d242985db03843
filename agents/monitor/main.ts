// monitor: no counterpart in sr3; the page of the flow, from what Prometheus, Alertmanager and the auditor on this host know.
import { type AgentContext, type RunningAgent, runAgent } from "../lib/agent-main.ts";
import { openBrokerSession } from "../lib/broker-session.ts";
import { brokerHealth } from "../lib/health.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { eventTopic } from "../lib/wis-rules.ts";
import { loadAssets } from "./assets.ts";
import { type Config, configSchema } from "./config.ts";
import { Monitor } from "./monitor.ts";
import { receiveAlerts } from "./monitoring-events.ts";
import { watchMqtt } from "./mqtt-watch.ts";
import { servePage } from "./page-server.ts";
import { PrometheusSource } from "./prometheus.ts";
import { openTelemetry } from "./telemetry.ts";

async function start({ config, log, metrics, lifeCycle }: AgentContext<Config>): Promise<RunningAgent> {
  const { page, map, prometheusUrl, requestTimeoutMs: timeoutMs, answerBytesMax: bytesMax, auditorUrl } = config;
  const stopping = new AbortController();
  const source = new PrometheusSource(prometheusUrl, map, { timeoutMs, bytesMax });
  const telemetry = openTelemetry(log, metrics, () => monitor.hub.listenersCount);
  watchMqtt(metrics, config.mqttServers);
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
  const events = await openEvents(config, log, metrics);
  const running = monitor.run(stopping.signal).catch((error: Error) => lifeCycle.fail(error));
  lifeCycle.ready();
  return {
    status() {
      const session = events?.session;
      const faults = Object.entries(telemetry.faults).map(([name, fault]) => `${name} does not answer: ${fault}`);
      const fault = faults[0];
      return {
        ok: telemetry.polls > 0 && fault === undefined && (session?.state ?? "ready") === "ready",
        text: [
          `page on port ${server.port}, ${monitor.hub.listenersCount} browsers`,
          ...faults,
          ...(session ? [`events: ${session.description}`] : []),
        ].join("; "),
        ...(session ? brokerHealth(session.state) : {}),
        ...(fault === undefined ? {} : { fault }),
        done: telemetry.polls,
      };
    },
    async stop() {
      stopping.abort();
      await running;
      await events?.close();
      await server.close();
    },
  };
}

/** Publishes what Alertmanager posts; undefined if nobody outside is notified. */
async function openEvents({ events, broker }: Config, log: Log, metrics: Metrics) {
  if (!events || !broker) return undefined;
  const { exchange, port, centre } = events;
  const topology = { exchanges: [{ name: exchange, type: "topic" as const }], queues: [] };
  const session = openBrokerSession({ config: broker, log, name: "monitor", topology });
  const published = metrics.counter("events", "monitoring events, by what the broker answered", ["outcome"]);
  const receiver = await receiveAlerts({
    ...{ port, centre, nowMs: Date.now },
    async publish(event) {
      if (session.state !== "ready") return false;
      const options = { contentType: "application/cloudevents+json", mandatory: false };
      const outcome = await session.publish(exchange, eventTopic(centre), event, options);
      published.inc({ outcome });
      return outcome === "confirmed";
    },
  });
  log.info({ port: receiver.port, exchange, topic: eventTopic(centre) }, "publishing alerts as events");
  return {
    session,
    async close() {
      receiver.close();
      await session.close();
    },
  };
}

export const main = (argv: readonly string[]) => runAgent({ name: "monitor", configSchema, start }, argv);
if (import.meta.main) process.exit(await main(process.argv.slice(2)));
