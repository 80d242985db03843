import type { FlowMap } from "./config.ts";
import { ago, count, duration, roundedRate, shortNumber } from "./format.ts";
import { groupId, mapShape, nodeIds } from "./map-shape.ts";
import type { Reading } from "./reading.ts";
import type { NodeView, State } from "./view.ts";

/** A queue with more is not emptied as fast as it fills: minutes of products. */
const deepQueue = 1000;
const fullDisk = 0.05;
const scarceDisk = 0.1;
/** Announcements that wait on a radar server's disk for the broker. */
const manySpooled = 100;
const oldFileSeconds = 60;

/** The map's boxes: their states, the word for what is wrong, and their figures. Pure. */
export function nodesOf(map: FlowMap, figures: Reading): Record<string, NodeView> {
  const { radar } = map;
  return Object.fromEntries([
    ...(radar ? radarNodes(radar, figures) : []),
    ...map.publicServers.flatMap((server) => publicNodes(server, figures)),
  ]);
}

type Radar = NonNullable<FlowMap["radar"]>;
type Node = readonly [id: string, node: NodeView];

/** The first fault that applies, the worst first. */
const node = (
  lines: readonly (string | undefined | false)[],
  ...faults: readonly (readonly [applies: boolean, state: State, word: string])[]
): NodeView => {
  const found = faults.find(([applies]) => applies);
  const shown = lines.filter((line) => typeof line === "string");
  return found ? { state: found[1], word: found[2], lines: shown } : { state: "ok", lines: shown };
};

function radarNodes(radar: Radar, figures: Reading): Node[] {
  return [
    ...radar.servers.map((server): Node => [nodeIds.server(server.host), radarServer(server, figures)]),
    ...radar.members.map((host): Node => [nodeIds.member(host), member(host, radar, figures)]),
    [nodeIds.cluster(radar.cluster), cluster(radar, figures)],
    ...Object.entries(radar.queues).map(([use, name]): Node => [nodeIds.queue(name), queue(use, name, figures)]),
    ...radar.pullers.map((host): Node => [nodeIds.puller(host), puller(host, figures)]),
    [nodeIds.placed, placed(radar, figures)],
  ];
}

function radarServer({ host, sources }: Radar["servers"][number], figures: Reading): NodeView {
  const up = figures.agentUp(host, "announcer");
  const bySource = (name: "first" | "silence" | "silent" | "lead") =>
    figures.all(name).filter(({ labels }) => sources.includes(labels.source ?? ""));
  const total = figures.all("first").reduce((sum, { value }) => sum + value, 0);
  const share = bySource("first").reduce((sum, { value }) => sum + value, 0) / total;
  const silence = Math.min(...bySource("silence").map(({ value }) => value));
  const lead = bySource("lead")[0]?.value;
  const spooled = figures.of("spooled", { host }) ?? 0;
  return node(
    [
      Number.isFinite(silence) && `last ${ago(silence)}`,
      Number.isFinite(share) &&
        `first ${Math.round(share * 100)}\u00a0%${lead === undefined || Number.isNaN(lead) ? "" : `, by ${duration(lead)}`}`,
    ],
    [up === false, "bad", figures.hostDown(host) ? "host down" : "announcer down"],
    [bySource("silent").some(({ value }) => value > 0), "warn", "silent"],
    [figures.complains(host, "announcer"), "warn", "needs attention"],
    [spooled > manySpooled, "warn", `${count(spooled, "waits", "wait")} for broker`],
    [up === undefined, "unknown", "no data"],
  );
}

function member(host: string, radar: Radar, figures: Reading): NodeView {
  const up = figures.up({ job: "rabbitmq", host });
  const dispatches = figures.of("active", { host });
  const known = up ?? (dispatches === undefined ? undefined : figures.agentUp(host, "dispatcher"));
  const holds = radar.address !== undefined && (figures.of("holders", { host }) ?? 0) > 0;
  const does = [holds && "address", (dispatches ?? 0) > 0 ? "dispatches" : "standby"].filter(Boolean).join(", ");
  return node(
    [does],
    [up === false, "bad", figures.hostDown(host) ? "host down" : "broker down"],
    [(figures.of("alarm", { host }) ?? 0) > 0, "bad", "blocked by alarm"],
    [figures.agentUp(host, "dispatcher") === false, "warn", "dispatcher down"],
    [figures.complains(host, "dispatcher"), "warn", "dispatcher needs attention"],
    [known === undefined, "unknown", "no data"],
  );
}

function cluster({ address, members }: Radar, figures: Reading): NodeView {
  const holders = members.filter((host) => (figures.of("holders", { host }) ?? 0) > 0);
  const active = figures.all("active").filter(({ value }) => value > 0).length;
  const measured = figures.all("holders").length > 0 || members.some((host) => figures.hostDown(host) !== undefined);
  return node(
    [address === undefined ? "no virtual IP" : address, holders.length === 1 && `on ${holders[0]}`],
    [address !== undefined && measured && holders.length === 0, "bad", "address on no host"],
    [holders.length > 1, "bad", `address on ${holders.length} hosts`],
    [figures.all("active").length > 0 && active === 0, "bad", "nobody dispatches"],
    [active > 1, "bad", `${active} dispatchers active`],
  );
}

function queue(use: string, name: string, figures: Reading): NodeView {
  const depth = figures.of("depth", { queue: name });
  const consumers = figures.of("consumers", { queue: name }) ?? 0;
  if (depth === undefined) return { state: "unknown", lines: ["depth not measured"] };
  const isDead = use === "dead";
  return node(
    [`${shortNumber(depth)} waiting${isDead ? "" : `, ${count(consumers, "consumer")}`}`],
    [!isDead && consumers === 0, "bad", "no consumer"],
    [isDead && depth > 0, "warn", "see dead letters"],
    [depth > deepQueue, "warn", "deep"],
  );
}

function puller(host: string, figures: Reading): NodeView {
  const up = figures.agentUp(host, "puller");
  const silent = figures.of("originsSilent", { host }) ?? 0;
  const disk = figures.of("disk", { host });
  return node(
    // Not its fault: the radar server has one of its own.
    [
      silent > 0 && `${count(silent, "radar server")} silent`,
      disk !== undefined && `disk ${Math.round(disk * 100)}\u00a0% free`,
    ],
    [up === false, "bad", figures.hostDown(host) ? "host down" : "puller down"],
    [disk !== undefined && disk < fullDisk, "bad", "disk full"],
    [figures.complains(host, "puller"), "warn", "needs attention"],
    [disk !== undefined && disk < scarceDisk, "warn", "disk nearly full"],
    [up === undefined, "unknown", "no data"],
  );
}

function placed({ pullers }: Radar, figures: Reading): NodeView {
  const up = pullers.filter((host) => figures.agentUp(host, "puller")).length;
  const p99 = figures.of("p99");
  const rate = figures.all("pulled").reduce((sum, { value }) => sum + value, 0);
  return node(
    [`${shortNumber(rate)}/s`, p99 !== undefined && Number.isFinite(p99) && `p99 ${duration(p99)}`],
    [pullers.length > 0 && up === 0 && figures.all("up").length > 0, "bad", "no puller works"],
    [figures.all("pulled").length === 0, "unknown", "no data"],
  );
}

type PublicServer = FlowMap["publicServers"][number];

function publicNodes({ host, cluster: broker, senders, notifiers, watcher }: PublicServer, figures: Reading): Node[] {
  const brokerUp = figures.up({ job: "rabbitmq", host });
  const depth = figures.of("clientDepth", { cluster: broker });
  const read = figures.of("clientQueues", { cluster: broker });
  const announced =
    notifiers.reduce((sum, labels) => sum + (figures.of("delivered", labels) ?? 0), 0) +
    (figures.of("watched", { host }) ?? 0);
  const watched = watcher ? figures.agentUp(host, "watcher") : undefined;
  return [
    ...senders.map((sender): Node => [nodeIds.sender(sender.host, sender.agent), senderNode(sender, figures)]),
    [
      nodeIds.publicServer(host),
      node(
        [`announces ${shortNumber(announced)}/s`, ...(notifiers.length === 0 ? [] : [`from ${notifiers[0]?.host}`])],
        [brokerUp === false, "bad", figures.hostDown(host) ? "host down" : "broker down"],
        [(figures.of("alarm", { host }) ?? 0) > 0, "bad", "blocked by alarm"],
        [notifiers.some((one) => figures.agentUp(one.host, one.agent) === false), "bad", "not announced"],
        [watched === false, "warn", "watcher down"],
        [brokerUp === undefined, "unknown", "no data"],
      ),
    ],
    [
      nodeIds.clients(host),
      node(
        [depth !== undefined && `${count(read ?? 0, "queue")} read, ${shortNumber(depth)} waiting`],
        [depth === undefined, "unknown", "not measured"],
      ),
    ],
  ];
}

function senderNode(sender: PublicServer["senders"][number], figures: Reading): NodeView {
  const up = figures.agentUp(sender.host, sender.agent);
  const oldest = figures.of("oldestFile", sender) ?? 0;
  const waiting = figures.of("filesWaiting", sender);
  return node(
    [waiting !== undefined && `${count(waiting, "file")} waiting`],
    [up === false, "bad", figures.hostDown(sender.host) ? "host down" : "sender down"],
    [figures.complains(sender.host, sender.agent), "warn", "needs attention"],
    [oldest > oldFileSeconds, "warn", `oldest ${duration(oldest)}`],
    [up === undefined, "unknown", "no data"],
  );
}

/** Rates of the map's edges. */
export function ratesOf(map: FlowMap, figures: Reading): Record<string, number> {
  const rates = new Map<string, number>();
  const set = (from: string, to: string, value: number | undefined): void => {
    if (value !== undefined) rates.set(`${from}>${to}`, value);
  };
  const total = (name: "announced" | "pulled"): number | undefined =>
    figures.all(name).length === 0 ? undefined : figures.all(name).reduce((sum, { value }) => sum + value, 0);
  if (map.radar) {
    const { servers, cluster: name, queues, pullers } = map.radar;
    const broker = nodeIds.cluster(name);
    for (const { host } of servers) set(nodeIds.server(host), broker, figures.of("announced", { host }));
    set(broker, nodeIds.queue(queues.input), total("announced"));
    set(broker, nodeIds.queue(queues.pull), figures.of("dispatched"));
    set(broker, nodeIds.queue(queues.dead), figures.of("deadRate"));
    for (const host of pullers) {
      const rate = figures.of("pulled", { host });
      set(nodeIds.queue(queues.pull), nodeIds.puller(host), rate);
      set(nodeIds.puller(host), nodeIds.placed, rate);
    }
  }
  for (const { host, senders, notifiers } of map.publicServers) {
    for (const one of senders)
      set(nodeIds.sender(one.host, one.agent), nodeIds.publicServer(host), figures.of("delivered", one));
    const announced = notifiers.flatMap((one) => figures.of("delivered", one) ?? []);
    if (announced.length > 0)
      set(
        nodeIds.publicServer(host),
        nodeIds.clients(host),
        announced.reduce((sum, value) => sum + value, 0),
      );
  }
  return groupedRates(map, rates);
}

/** A group's edge has the sum of its nodes' edges. */
function groupedRates(map: FlowMap, rates: ReadonlyMap<string, number>): Record<string, number> {
  const groups = new Map(
    mapShape(map).flatMap(({ columns }) =>
      columns.flatMap((column) =>
        column.isGrouped ? column.nodes.map(({ id }) => [id, groupId(column)] as const) : [],
      ),
    ),
  );
  const sums = new Map<string, number>();
  for (const [id, value] of rates) {
    const [from = "", to = ""] = id.split(">");
    const key = `${groups.get(from) ?? from}>${groups.get(to) ?? to}`;
    sums.set(key, (sums.get(key) ?? 0) + value);
  }
  return Object.fromEntries([...sums].map(([id, value]) => [id, roundedRate(value)]));
}
