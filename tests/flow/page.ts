import { join } from "node:path";
import { deadLetterQueue } from "../../agents/lib/topology.ts";
import { buildAssets } from "../../agents/monitor/assets.ts";
import { configSchema, type FlowMap } from "../../agents/monitor/config.ts";
import { DirectSource } from "../../agents/monitor/direct-source.ts";
import { Monitor } from "../../agents/monitor/monitor.ts";
import { servePage } from "../../agents/monitor/page-server.ts";
import type { AgentProcess } from "../rigs/agent-process.ts";

interface FlowStage {
  readonly agents: ReadonlyMap<string, AgentProcess>;
  readonly servers: readonly { readonly name: string; readonly baseUrl: string }[];
  readonly pullers: readonly string[];
  readonly queues: { readonly inputQueue: string; readonly pullQueue: string };
}

const dispatcherName = "bunny";
/** More often than on hosts: a run takes half a minute. */
const intervalMs = 2000;

/**
 * The live page of a run, on any free port of loopback. It reads the agents' metrics itself, so it has no alerts, no search, and the depth of no
 * queue; its history is that of the run.
 */
export async function serveFlowPage({ agents, servers, pullers, queues }: FlowStage) {
  const map: FlowMap = {
    stack: "flow",
    radar: {
      servers: servers.map(({ name, baseUrl }) => ({ host: name, sources: [new URL(baseUrl).host] })),
      ...{ cluster: "local broker", members: [dispatcherName], pullers: [...pullers] },
      queues: { input: queues.inputQueue, pull: queues.pullQueue, dead: deadLetterQueue },
    },
    publicServers: [],
  };
  const config = configSchema.parse({ page: { port: 0 }, metrics: { port: 0 }, intervalMs, map });
  const source = new DirectSource(() =>
    [...agents].flatMap(
      ([
        host,
        {
          metricsPort,
          spec: { agent },
        },
      ]) => (metricsPort === undefined ? [] : [{ host, agent, url: `http://127.0.0.1:${metricsPort}/metrics` }]),
    ),
  );
  const monitor = new Monitor(config, source, { polled: () => {} });
  const server = await servePage({
    ...{ page: config.page, map, hub: monitor.hub, nowMs: Date.now, search: undefined, hasAlerts: false },
    assets: await buildAssets(join(import.meta.dirname, "../..")),
    history: (range) => monitor.history(range),
  });
  const stopping = new AbortController();
  const running = monitor.run(stopping.signal);
  return {
    url: `http://127.0.0.1:${server.port}/`,
    async close() {
      stopping.abort();
      await running;
      await server.close();
    },
  };
}
