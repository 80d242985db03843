import type { Health } from "../../../agents/lib/health.ts";
import { fixtureConfig } from "../../../infra/model/fixture.ts";
import { chainOf, type PublicRoad, roadAt, roadsFrom } from "../snapshot/chain.ts";
import type {
  BrokerEvidence,
  Evidence,
  HealthEvidence,
  HostEvidence,
  MemberEvidence,
  QueueEvidence,
} from "../snapshot/evidence.ts";

/** The same type, writable. */
export type Draft<T> = { -readonly [Key in keyof T]: Draft<T[Key]> };

export const nowMs = Date.parse("2026-11-27T20:50:00Z");
const product = "20261127/RADAR/URP/XFT/202611272049~~PPI,0.3,10,ECHO,DBZ,DBZ:URP:XFT:RADAR:META::20261127204959";
const delivered = {
  ...{ path: "radar/24_HR_ACCUM/GIF/XSS/202611272049_XSS_24_HR_ACCUM_MM.gif", bytes: 658, modifiedMs: nowMs - 20_500 },
};
const connected = "connected to amqps://10.203.4.50:5671";

/** The health of an agent, connected to its broker unless `more` overrides that. */
export const healthOf = (ok: boolean, text: string, more: Partial<Draft<Health>> = {}): Draft<HealthEvidence> => ({
  ...{ version: 1, ok, text, connectionTo: "broker", connected: true, blocked: false, ...more },
});

/** A snapshot of a healthy `lab4` with 30 products a second. */
export function healthyEvidence(stack = "lab4"): Draft<Evidence> {
  const chain = chainOf(stack, fixtureConfig(stack));
  const newest = [{ path: product, bytes: 658, modifiedMs: nowMs - 2500 }];
  const fetched = (from: string) => ({
    ...{ from, product: newest[0] ?? { path: "", bytes: 0, modifiedMs: 0 } },
    answer: { status: 200, bytes: 658, body: "" },
  });
  const host = (name: string): HostEvidence => {
    const isUrp = chain.urps.includes(name);
    const isPds = chain.pdses.includes(name);
    const holds = name === chain.members[0] && chain.vip ? [chain.vip.address] : [];
    const found = chain.hosts.find((one) => one.name === name);
    const road = roadAt(chain, name);
    const from = roadsFrom(chain, name);
    const units = [...(found?.units ?? []), ...(found?.agents ?? []).map(({ unit }) => unit)];
    const health = (agent: string) => {
      if (agent.startsWith("delivery-")) return healthOf(true, "500 delivered", { connectionTo: "server" });
      if (agent !== "dispatcher") return healthOf(true, `500 done, 0 waiting; ${connected}`, { spooled: 0 });
      const state = holds.length > 0 ? "active" : "standby";
      return healthOf(true, `${state}; connected to 127.0.0.1:5672; 0 in flight`, { state });
    };
    return {
      nowMs,
      units: Object.fromEntries(
        units.map((unit) => [unit, { active: "active", sub: "running", restarts: 0, status: "" }]),
      ),
      addresses: [found?.address ?? "", ...holds],
      agents: Object.fromEntries((found?.agents ?? []).map((agent) => [agent.name, { health: health(agent.name) }])),
      disks: [{ mount: "/", usedPercent: 20, freeBytes: 40e9 }],
      ...(found?.amqpPort === undefined ? {} : { amqp: { ok: true as const } }),
      ...(found?.mqttPort === undefined ? {} : { mqtt: { ok: true as const } }),
      ...(isUrp ? { newest, announcedAtMs: nowMs - 2480, fetches: [fetched(name)] } : {}),
      ...(isPds ? { placedAtMs: nowMs - 40, fetches: chain.urps.map(fetched) } : {}),
      ...(from.length > 0
        ? {
            txqs: Object.assign({}, ...from.map(emptyTxqs)),
            logins: Object.fromEntries(from.map(({ server }) => [server, { ok: true as const }])),
          }
        : {}),
      ...(name === road?.server ? { newest: [delivered], fetches: [fetchedDelivered(name)] } : {}),
      ...(road?.clients.includes(name)
        ? { fetchedAtMs: nowMs - 20_000, fetches: [fetchedDelivered(road.server)] }
        : {}),
    };
  };
  return structuredClone({
    chain,
    hosts: Object.fromEntries(chain.hosts.map(({ name }) => [name, host(name)])),
    broker: healthyBroker(chain),
    publicBrokers: Object.fromEntries(chain.publicRoads.map((road) => [road.broker, healthyPublicBroker(road)])),
  }) as Draft<Evidence>;
}

const emptyTxqs = ({ queueDirectories }: PublicRoad) =>
  Object.fromEntries(Object.keys(queueDirectories).map((agent) => [agent, { files: 0, aside: 0 }]));

const fetchedDelivered = (from: string) => ({
  ...{ from, product: delivered, answer: { status: 200, bytes: delivered.bytes, body: "" } },
});

function healthyPublicBroker({ server, queues }: PublicRoad): BrokerEvidence {
  const name = `rabbit@${server}`;
  const node = { name, running: true, partitions: [], memoryAlarm: false, diskAlarm: false };
  const queue = (of: string): QueueEvidence => ({
    ...{ name: of, state: "running", messages: 0, ready: 0, unacknowledged: 0, consumers: 1 },
    ...{ published: 2, acknowledged: 2, replicas: [name], inStep: [name] },
  });
  return {
    members: { [server]: { nodes: [node] } },
    queues: Object.fromEntries(Object.values(queues).map((of) => [of, queue(of)])),
  };
}

function healthyBroker({ members, queues, dispatchers, pdses }: Evidence["chain"]): BrokerEvidence {
  const nodes = members.map((host) => `rabbit@${host}`);
  const view: MemberEvidence = {
    nodes: nodes.map((name) => ({ name, running: true, partitions: [], memoryAlarm: false, diskAlarm: false })),
  };
  const queue = (name: string, consumers: number, published: number): QueueEvidence => ({
    ...{ name, state: "running", messages: 1, ready: 0, unacknowledged: 1, consumers },
    ...{ published, acknowledged: published, replicas: nodes, inStep: nodes },
  });
  const all = [
    queue(queues.input, 1, 60),
    queue(queues.pull, pdses.length, 30),
    { ...queue(queues.dead, 0, 0), messages: 0, unacknowledged: 0 },
    ...dispatchers.map((host) => queue(queues.ledgers[host] ?? "", 1, 60)),
  ];
  return {
    members: Object.fromEntries(members.map((host) => [host, view])),
    queues: Object.fromEntries(all.map((one) => [one.name, one])),
  };
}

/** The state of one host. @throws TypeError if it did not answer */
export function hostOf({ hosts }: Draft<Evidence>, name: string): Draft<HostEvidence> {
  const found = hosts[name];
  if (!found || "unreachable" in found) throw new TypeError(`${name} does not answer`);
  return found;
}

export function queueOf({ broker }: Draft<Evidence>, name: string): Draft<QueueEvidence> {
  const found = broker.queues?.[name];
  if (!found) throw new TypeError(`no queue ${name}`);
  return found;
}

/** Moves the address to a host, whose dispatcher becomes the active one; to no host if no member has that name. */
export function moveTo(evidence: Draft<Evidence>, host: string): void {
  const address = evidence.chain.vip?.address ?? "";
  for (const member of evidence.chain.members) {
    const words = hostOf(evidence, member);
    words.addresses = words.addresses.filter((one) => one !== address);
    if (member === host) words.addresses.push(address);
    const health = words.agents.dispatcher?.health;
    if (health) health.state = member === host ? "active" : "standby";
  }
}
