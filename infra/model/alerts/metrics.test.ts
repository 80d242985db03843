import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openTelemetry as announcer } from "../../../agents/announcer/telemetry.ts";
import { emptyMemory } from "../../../agents/auditor/store-schema.ts";
import { openTelemetry as auditor } from "../../../agents/auditor/telemetry.ts";
import { openTelemetry as bridge } from "../../../agents/bridge/telemetry.ts";
import { Sources } from "../../../agents/dispatcher/sources.ts";
import type { DispatcherView } from "../../../agents/dispatcher/status.ts";
import { Telemetry as Dispatcher } from "../../../agents/dispatcher/telemetry.ts";
import { publicBoundsSeconds } from "../../../agents/lib/audit-history.ts";
import { createLog } from "../../../agents/lib/log.ts";
import { Metrics } from "../../../agents/lib/metrics.ts";
import { watchMqtt } from "../../../agents/monitor/mqtt-watch.ts";
import { openTelemetry as puller } from "../../../agents/puller/telemetry.ts";
import { openTelemetry as sender } from "../../../agents/sender/telemetry.ts";
import { openTelemetry as watcher } from "../../../agents/watcher/telemetry.ts";
import { certificateExpiry } from "../certificate-metrics.ts";
import { fixtureConfig } from "../fixture.ts";
import { alertRules } from "./index.ts";

// A metric that nobody gives makes an alert that never fires, and Prometheus does not complain. Lists of other programs' metrics were taken from
// their output; their first lines say how.

const lists = join(import.meta.dirname, "known-metrics");
const listed = (program: string): Set<string>[] =>
  readdirSync(lists)
    .filter((file) => file.startsWith(program))
    .map((file) => new Set(readFileSync(join(lists, file), "utf8").split("\n").slice(1)));

const log = createLog("test", { level: "fatal" });
const none = () => 0;

/** Names that the agents give, with the endings of OpenMetrics. */
async function agentsNames(): Promise<Set<string>> {
  const all = ["announcer", "watcher", "puller", "sender", "dispatcher", "auditor", "bridge", "monitor"].map(
    (name) => new Metrics(name),
  );
  const [announcers, watchers, pullers, senders, dispatchers, auditors, bridges, monitors] = all as [
    Metrics,
    Metrics,
    Metrics,
    Metrics,
    Metrics,
    Metrics,
    Metrics,
    Metrics,
  ];
  announcer(log, announcers, { spooled: none, waiting: none, journaled: none });
  watcher(log, watchers, { spooled: none, waiting: none, journaled: none, formatOf: () => "unknown" });
  puller(log, pullers, () => []);
  sender(log, senders, none);
  const view = new Proxy({ state: "active" }, { get: (own, key) => Reflect.get(own, key) ?? 0 }) as DispatcherView;
  new Dispatcher(dispatchers, new Sources(1000), () => view, none);
  const audit = { memory: emptyMemory, oldestWaitingMs: undefined, products: 0, storeBytes: 0, knows: true };
  auditor(auditors, () => audit, none);
  bridge(log, bridges);
  watchMqtt(monitors, [{ server: "wxo-b1", address: "127.0.0.1", port: 1, tls: false }]);
  // `runAgent` adds it to every agent.
  for (const metrics of all) metrics.gauge("healthy", "healthy");
  const text = (await Promise.all(all.map((metrics) => metrics.text()))).join("\n");
  const endings = { counter: ["_total"], histogram: ["_bucket", "_count", "_sum"], gauge: [""] };
  const found = [...text.matchAll(/^# TYPE (\S+) (counter|histogram|gauge)$/gm)];
  return new Set(
    found.flatMap(([, name, kind]) => endings[kind as keyof typeof endings].map((ending) => `${name}${ending}`)),
  );
}

interface Rule {
  readonly expr: string;
  readonly record?: string;
}

/** Words of PromQL that are no metrics. */
const language = new Set(
  "sum max min avg count by without on ignoring unless and or increase max_over_time min_over_time avg_over_time last_over_time predict_linear label_replace vector absent abs time timestamp".split(
    " ",
  ),
);

/** Names of metrics in an expression: words outside of selectors, texts, windows and lists of labels. */
function metricsIn(expr: string): string[] {
  const bare = expr
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, "")
    .replaceAll(/\b(by|on|without|ignoring) \([^)]*\)/g, "")
    .replaceAll(/\{[^}]*\}/g, "")
    .replaceAll(/\[[^\]]*\]|\boffset \d+s/g, "");
  const words = bare.match(/[a-zA-Z_:][\w:]*/g) ?? [];
  return [...new Set(words.filter((word) => !language.has(word)))];
}

it("every metric in an expression is one that its program gives, in each version that stacks run", async () => {
  const rules: Rule[] = JSON.parse(alertRules(fixtureConfig("lab"))).groups.flatMap(
    ({ rules }: { readonly rules: readonly Rule[] }) => rules,
  );
  const agents = await agentsNames();
  const recorded = new Set(rules.flatMap(({ record }) => record ?? []));
  // Prometheus gives the first itself, and the second of each target that is a program of its own kind.
  const prometheus = new Set(["up", "process_start_time_seconds"]);
  const written = new Set([certificateExpiry]);
  const others = [
    ...listed("rabbitmq-").map((names) => [names, /^(rabbitmq|erlang)_/] as const),
    ...listed("node-exporter-").map((names) => [names, /^node_/] as const),
  ];
  expect(others).toHaveLength(4);
  const used = [...new Set(rules.flatMap(({ expr }) => metricsIn(expr)))];
  expect(used.length).toBeGreaterThan(30);
  const unknown = used.filter((name) => {
    if ([agents, recorded, prometheus, written].some((names) => names.has(name))) return false;
    const kin = others.filter(([, prefix]) => prefix.test(name));
    return kin.length === 0 || !kin.every(([names]) => names.has(name));
  });
  expect(unknown).toEqual([]);
});

it("metrics that a pattern names exist: each agent's `healthy`", async () => {
  const pattern = /__name__=~"([^"]+)"/.exec(alertRules(fixtureConfig("lab")).replaceAll('\\"', '"'))?.[1] ?? "";
  const found = [...(await agentsNames())].filter((name) => new RegExp(`^(?:${pattern})$`).test(name));
  expect(found).toHaveLength(8);
});

it("latency counts in buckets that the histograms have", async () => {
  const metrics = [new Metrics("puller"), new Metrics("sender")] as const;
  puller(log, metrics[0], () => []);
  sender(log, metrics[1], none);
  const text = (await metrics[0].text()) + (await metrics[1].text());
  for (const seconds of [1, 10])
    expect(text).toContain(`warren_puller_closed_to_placed_seconds_bucket{le="${seconds}"}`);
  for (const seconds of publicBoundsSeconds)
    expect(text).toContain(`warren_sender_latency_seconds_bucket{le="${seconds}"}`);
});
