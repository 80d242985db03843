import type { FlowMap } from "../../agents/monitor/config.ts";
import type { QueryName, Sample } from "../../agents/monitor/queries.ts";

/** What the sources of a page answer. */
export interface Scenario {
  readonly figures: Readonly<Partial<Record<QueryName, readonly Sample[]>>>;
  readonly alerts: readonly object[];
  readonly silences: readonly object[];
}

const urps = ["urp-1", "urp-2"] as const;
const sourceOf = (host: string): string => `${host}.cmc.ec.gc.ca`;

/** The lab's map, with as many pullers as asked for. */
export const mapOf = (pullers = 5): FlowMap => ({
  stack: "lab",
  radar: {
    servers: urps.map((host) => ({ host, sources: [sourceOf(host)] })),
    ...{ cluster: "bunny", members: ["bunny1", "bunny2"], address: "10.203.0.50" },
    queues: { input: "cmc.urp.input", pull: "cmc.urp.pull", dead: "cmc.urp.dead" },
    pullers: Array.from({ length: pullers }, (_, index) => `pds-${index + 1}`),
  },
  publicServers: [
    {
      ...{ host: "wxo-b1", cluster: "wxo-b1", watcher: true },
      senders: ["delivery-ftp", "delivery-sftp"].map((agent) => ({ host: "px-1", agent })),
      notifiers: [{ host: "px-1", agent: "dd-notify" }],
    },
  ],
});

const one = (value: number, labels: Readonly<Record<string, string>> = {}): Sample => ({ labels, value });
const byHost = (values: Readonly<Record<string, number>>): Sample[] =>
  Object.entries(values).map(([host, value]) => one(value, { host }));

/** Everything works. @param rate products a second @param nowMs for times in the figures */
export function healthy({ map = mapOf(), rate = 12.4, nowMs = Date.now() } = {}): Scenario {
  const { radar } = map;
  if (!radar) throw new TypeError("the scenarios need a radar path");
  const agents: readonly (readonly [string, string])[] = [
    ...urps.map((host) => [host, "announcer"] as const),
    ...radar.members.map((host) => [host, "dispatcher"] as const),
    ...radar.pullers.map((host) => [host, "puller"] as const),
    ...["delivery-ftp", "delivery-sftp", "dd-notify"].map((agent) => ["px-1", agent] as const),
    ["wxo-b1", "watcher"],
  ];
  const hosts = [...new Set(agents.map(([host]) => host))];
  const each = rate / Math.max(1, radar.pullers.length);
  const sources = (first: number, second: number): Sample[] =>
    [first, second].map((value, index) => one(value, { source: sourceOf(urps[index] ?? "") }));
  const px = (agent: string) => ({ host: "px-1", agent });
  const figures: Scenario["figures"] = {
    up: [
      ...agents.map(([host, agent]) => one(1, { job: "agent", host, agent })),
      ...hosts.map((host) => one(1, { job: "node", host })),
      ...radar.members.map((host) => one(1, { job: "rabbitmq", host, cluster: "bunny" })),
      one(1, { job: "rabbitmq", host: "wxo-b1", cluster: "wxo-b1" }),
    ],
    announced: byHost({ "urp-1": rate, "urp-2": rate }),
    spooled: byHost({ "urp-1": 0, "urp-2": 0 }),
    first: sources(rate * 0.54, rate * 0.46),
    dispatched: [one(rate)],
    silence: sources(2, 3),
    silent: sources(0, 0),
    lead: sources(0.31, 0.24),
    active: byHost({ bunny1: 1, bunny2: 0 }),
    holders: byHost({ bunny1: 1 }),
    unconfirmed: [one(0)],
    alternates: [one(0)],
    pulled: radar.pullers.map((host, index) => one(each * (1 + ((index % 3) - 1) * 0.06), { host })),
    originsSilent: radar.pullers.map((host) => one(0, { host })),
    deadRate: [one(0)],
    p50: [one(0.061)],
    p99: [one(0.24)],
    slowest: [one(0.5)],
    delivered: [one(4.1, px("delivery-ftp")), one(4.3, px("delivery-sftp")), one(8.4, px("dd-notify"))],
    filesWaiting: [one(0, px("delivery-ftp")), one(1, px("delivery-sftp"))],
    oldestFile: [one(0, px("delivery-ftp")), one(0.2, px("delivery-sftp"))],
    watched: byHost({ "wxo-b1": 0.2 }),
    depth: ["cmc.urp.input", "cmc.urp.pull", "cmc.urp.dead"].map((queue, index) =>
      one([3, 2, 0][index] ?? 0, { queue }),
    ),
    consumers: ["cmc.urp.input", "cmc.urp.pull", "cmc.urp.dead"].map((queue, index) =>
      one([2, radar.pullers.length, 0][index] ?? 0, { queue }),
    ),
    alarm: byHost({ bunny1: 0, bunny2: 0, "wxo-b1": 0 }),
    clientQueues: [one(12, { cluster: "wxo-b1" })],
    clientDepth: [one(340, { cluster: "wxo-b1" })],
    disk: byHost(Object.fromEntries(hosts.map((host) => [host, 0.62]))),
    overdue: [one(0)],
    overdueEver: [one(0)],
    repeated: [one(0)],
    knows: [one(1)],
    lastAnnounced: [one(nowMs / 1000 - 2)],
    slowShare: [one(0.0014)],
    notFetched: [one(0)],
    twinFailed: [one(0)],
    unreadable: [one(3)],
    startedAt: [one(nowMs / 1000 - 1500, { host: "pds-3", agent: "puller" })],
  };
  return { figures, alerts: [watchdog(nowMs)], silences: [] };
}

interface Fired {
  readonly name: string;
  readonly severity: string;
  readonly summary: string;
  readonly description?: string;
  readonly step?: string;
  readonly silencedBy?: readonly string[];
}

/** As Alertmanager lists an alert that has fired for so long. */
export const alert = ({ name, severity, silencedBy = [], ...texts }: Fired, sinceMs: number): object => ({
  fingerprint: Buffer.from(name).toString("hex").slice(0, 16),
  startsAt: new Date(sinceMs).toISOString(),
  endsAt: new Date(sinceMs + 3_600_000).toISOString(),
  updatedAt: new Date(sinceMs).toISOString(),
  labels: { alertname: name, severity },
  annotations: { ...texts, runbook: `docs/alerts.md#${name.toLowerCase()}` },
  status: { state: silencedBy.length > 0 ? "suppressed" : "active", silencedBy, inhibitedBy: [] },
  receivers: [{ name: "operators" }],
  generatorURL: "http://px-1:9090/graph",
});

const watchdog = (nowMs: number): object =>
  alert({ name: "Watchdog", severity: "none", summary: "The alerts are evaluated" }, nowMs - 86_400_000);

/** The samples of a figure, some of them changed. */
const changed = (samples: readonly Sample[] = [], change: (sample: Sample) => number): Sample[] =>
  samples.map((sample) => ({ ...sample, value: change(sample) }));

/** A radar server is gone: the other one announces everything. */
export function deadRadarServer(nowMs = Date.now()): Scenario {
  const { figures, alerts } = healthy({ nowMs });
  const isDead = ({ labels }: Sample): boolean => labels.host === "urp-2" || labels.source === sourceOf("urp-2");
  return {
    figures: {
      ...figures,
      up: changed(figures.up, (sample) => (isDead(sample) ? 0 : 1)),
      announced: byHost({ "urp-1": 12.4 }),
      first: changed(figures.first, (sample) => (isDead(sample) ? 0 : 12.4)),
      silence: changed(figures.silence, (sample) => (isDead(sample) ? 194 : 2)),
      silent: changed(figures.silent, (sample) => Number(isDead(sample))),
      originsSilent: changed(figures.originsSilent, () => 1),
      alternates: [one(7)],
      p99: [one(0.9)],
    },
    alerts: [
      ...alerts,
      alert(
        {
          ...{ name: "SourceSilent", severity: "ticket", step: "products-are-announced" },
          summary: "Radar server urp-2.cmc.ec.gc.ca announces nothing while another one does",
          description: "Nothing. If the other radar server fails too, no products arrive.",
        },
        nowMs - 134_000,
      ),
      alert(
        {
          ...{ name: "TargetDown", severity: "ticket", step: "hosts-answer", silencedBy: ["7d3e"] },
          summary: "urp-2 does not answer",
        },
        nowMs - 180_000,
      ),
    ],
    silences: [
      {
        ...{ id: "7d3e", createdBy: "warren restart", comment: "planned work: restart of urp-2" },
        startsAt: new Date(nowMs - 200_000).toISOString(),
        endsAt: new Date(nowMs + 600_000).toISOString(),
        updatedAt: new Date(nowMs - 200_000).toISOString(),
        status: { state: "active" },
        matchers: [{ name: "host", value: "urp-2", isRegex: false, isEqual: true }],
      },
    ],
  };
}

/** The broker that had the address is gone, and the other one does not have it yet. */
export function addressOnTheMove(nowMs = Date.now()): Scenario {
  const { figures, alerts } = healthy({ nowMs });
  const isDead = ({ labels }: Sample): boolean => labels.host === "bunny1";
  return {
    figures: {
      ...figures,
      up: changed(figures.up, (sample) => (isDead(sample) ? 0 : 1)),
      active: byHost({ bunny2: 0 }),
      holders: [],
      dispatched: [one(2.1)],
      spooled: byHost({ "urp-1": 140, "urp-2": 121 }),
      unconfirmed: [one(4)],
    },
    alerts: [
      ...alerts,
      alert(
        {
          ...{ name: "VirtualIp", severity: "page", step: "one-holder" },
          summary: "No host has 10.203.0.50, the address of bunny",
          description: "No product is announced or dispatched until a broker takes the address over.",
        },
        nowMs - 17_000,
      ),
    ],
    silences: [],
  };
}

/** A puller's disk is full: the others take its products. */
export function fullDisk(nowMs = Date.now()): Scenario {
  const { figures, alerts } = healthy({ nowMs });
  const isFull = ({ labels }: Sample): boolean => labels.host === "pds-4";
  return {
    figures: {
      ...figures,
      disk: changed(figures.disk, (sample) => (isFull(sample) ? 0.002 : sample.value)),
      pulled: changed(figures.pulled, (sample) => (isFull(sample) ? 0 : 3.1)),
    },
    alerts: [
      ...alerts,
      alert(
        {
          ...{ name: "DiskFillsUp", severity: "ticket", step: "disk-has-room" },
          summary: "The disk of pds-4 is full in less than 24 hours",
          description: "Nothing. The other pullers take its products.",
        },
        nowMs - 3_900_000,
      ),
    ],
    silences: [],
  };
}

/** Hosts of `map` at 200 products a second. Most figures differ from those of the last call. */
export function busy(map: FlowMap): Scenario {
  const scenario = healthy({ map, rate: 200 });
  const figures = Object.entries(scenario.figures).map(([name, samples]) => [
    name,
    name === "up" ? samples : samples?.map((one) => ({ ...one, value: one.value * (0.5 + Math.random()) })),
  ]);
  return { ...scenario, figures: Object.fromEntries(figures) };
}
