import { flat, gone, rise } from "./series.ts";

const hour = 3600;
/** Seconds after which one unit after the other restarts. */
const restartAt = 1200;

const scraped = (kind: "runs" | "restarts", before: string, between: string, after: string, always: string): string =>
  kind === "runs" ? always : `${before} ${between} ${after}`;

/** Everything that the rules read, while nothing is wrong; with `restarts`, each unit is away for 50 s once. */
function healthy(kind: "runs" | "restarts"): Record<string, string> {
  const rest = hour - restartAt - 50;
  const counter = (by: number) => scraped(kind, rise(0, by, restartAt), gone(50), rise(0, by, rest), rise(0, by, hour));
  const gauge = (value: number) =>
    scraped(kind, flat(value, restartAt), gone(50), flat(value, rest), flat(value, hour));
  const up = scraped(kind, flat(1, restartAt), flat(0, 50), flat(1, rest), flat(1, hour));
  const agents = [
    ["urp-1", "announcer"],
    ["urp-2", "announcer"],
    ["bunny1", "dispatcher"],
    ["bunny2", "dispatcher"],
    ["pds-1", "puller"],
    ["px-1", "sender"],
    ["px-1", "auditor"],
  ] as const;
  const label = (host: string, agent: string) =>
    `job="agent",host="${host}",agent="${agent === "sender" ? "delivery-ftp" : agent}"`;
  const puller = label("pds-1", "puller");
  const auditor = label("px-1", "auditor");
  return {
    ...Object.fromEntries(
      agents.flatMap(([host, agent]) => [
        [`warren_${agent}_healthy{${label(host, agent)}}`, gauge(1)],
        [`up{${label(host, agent)},instance="${host}/${agent}"}`, up],
      ]),
    ),
    [`warren_announcer_announced_total{${label("urp-1", "announcer")}}`]: counter(5),
    [`warren_announcer_spooled{${label("urp-1", "announcer")}}`]: gauge(3),
    [`warren_puller_pulled_total{${puller}}`]: counter(5),
    [`warren_puller_origins_silent{${puller}}`]: gauge(0),
    [`warren_puller_alternates_asked_total{${puller}}`]: counter(0),
    [`warren_puller_closed_to_placed_seconds_count{${puller}}`]: counter(5),
    [`warren_puller_closed_to_placed_seconds_bucket{${puller},le="1"}`]: counter(5),
    [`warren_puller_closed_to_placed_seconds_bucket{${puller},le="10"}`]: counter(5),
    [`warren_sender_latency_seconds_count{${label("px-1", "sender")}}`]: counter(5),
    [`warren_sender_latency_seconds_bucket{${label("px-1", "sender")},le="5"}`]: counter(5),
    [`warren_sender_oldest_seconds{${label("px-1", "sender")}}`]: gauge(0.2),
    [`warren_sender_delivered_total{${label("px-1", "sender")}}`]: counter(5),
    [`warren_auditor_overdue_total{${auditor}}`]: counter(0),
    [`warren_auditor_repeated_total{${auditor}}`]: counter(0),
    [`warren_auditor_dead_letters_total{${auditor},kind="product"}`]: counter(0),
    [`warren_auditor_knows{${auditor}}`]: gauge(1),
    'rabbitmq_alarms_memory_used_watermark{job="rabbitmq",cluster="bunny",host="bunny1"}': gauge(0),
    'rabbitmq_detailed_queue_consumers{job="rabbitmq-queues",cluster="bunny",host="bunny1",queue="cmc.urp.pull"}':
      gauge(5),
    'rabbitmq_detailed_queue_messages{job="rabbitmq-queues",cluster="bunny",host="bunny1",queue="cmc.urp.pull"}':
      gauge(2),
    'rabbitmq_detailed_queue_messages{job="rabbitmq-queues",cluster="bunny",host="bunny1",queue="cmc.urp.dead"}':
      gauge(0),
    'node_systemd_unit_state{job="node",host="wxo-b1",name="apache2.service",state="active"}': up,
    'node_filesystem_avail_bytes{job="node",host="urp-1",mountpoint="/"}': rise(500_000, -1, hour),
    'node_filesystem_size_bytes{job="node",host="urp-1",mountpoint="/"}': flat(1_000_000, hour),
    'node_time_seconds{job="node",host="urp-1"}': rise(0.01, 5, hour),
  };
}

export const healthyHour = [
  { on: "everything runs", series: healthy("runs") },
  { on: "every unit restarts once, for 50 s", series: healthy("restarts") },
];
