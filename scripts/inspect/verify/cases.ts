import type { Evidence } from "../snapshot/evidence.ts";
import { type Draft, healthOf, hostOf, nowMs } from "./fixture.ts";
import type { StepId } from "./step.ts";

/** A fault, and the link that must be reported for it, by its id. */
export interface Case {
  readonly title: string;
  /** By default `lab4`. */
  readonly stack?: string;
  readonly change: (evidence: Draft<Evidence>) => void;
  readonly host: string;
  readonly step: StepId;
  /** Expected evidence and remedy. */
  readonly says: RegExp;
  readonly remedy: RegExp;
}

const dead = (evidence: Draft<Evidence>, host: string, why = "connect to host: No route to host") => {
  evidence.hosts[host] = { unreachable: why };
};
const unitIs = (evidence: Draft<Evidence>, host: string, unit: string, active: string, sub: string) => {
  hostOf(evidence, host).units[unit] = { active, sub, restarts: 3, status: "" };
};
const agentSays = (...[evidence, host, agent, ...said]: [Draft<Evidence>, string, string, ...Said]) => {
  hostOf(evidence, host).agents[agent] = { health: healthOf(...said) };
};
type Said = Parameters<typeof healthOf>;
/** The health of agents without a broker, and of a delivery without its server. */
const away = { connected: false };
const silentAgent = (evidence: Draft<Evidence>, host: string, agent: string, silent: string) => {
  hostOf(evidence, host).agents[agent] = { silent };
};
const nodesSeenBy = (evidence: Draft<Evidence>, host: string) => {
  const view = evidence.broker.members[host];
  if (!view || "silent" in view) throw new TypeError(`${host} is silent`);
  return view.nodes;
};
const nodeSeen = (evidence: Draft<Evidence>, from: string, node: string) => {
  const found = nodesSeenBy(evidence, from).find(({ name }) => name === `rabbit@${node}`);
  if (!found) throw new TypeError(`${from} doesn't know ${node}`);
  return found;
};
/** A member is down: the others report that, the address has moved, its dispatcher is on standby. */
const brokerGone = (evidence: Draft<Evidence>, host: string, to: string) => {
  evidence.broker.members[host] = { silent: "connect ECONNREFUSED" };
  for (const from of evidence.chain.members) if (from !== host) nodeSeen(evidence, from, host).running = false;
  const address = evidence.chain.vip?.address ?? "";
  const own = hostOf(evidence, host);
  if (own.addresses.includes(address)) {
    own.addresses = own.addresses.filter((one) => one !== address);
    hostOf(evidence, to).addresses.push(address);
    agentSays(evidence, to, "dispatcher", true, "active; connected to 127.0.0.1:5672", { state: "active" });
  }
  agentSays(evidence, host, "dispatcher", false, "standby; no connection to 127.0.0.1:5672", {
    ...away,
    state: "standby",
  });
  for (const queue of Object.values(evidence.broker.queues ?? {})) {
    queue.inStep = queue.inStep.filter((node) => node !== `rabbit@${host}`);
  }
};

export const cases: readonly Case[] = [
  {
    title: "a radar server is dead",
    change: (evidence) => dead(evidence, "urp-2"),
    ...{
      host: "urp-2",
      step: "host-answers",
      says: /No route to host/,
      remedy: /ssh -F .warren\/ssh\/lab4.config urp-2/,
    },
  },
  {
    title: "a radar server's disk is full",
    change: (evidence) => {
      hostOf(evidence, "urp-1").disks = [{ mount: "/", usedPercent: 100, freeBytes: 0 }];
      agentSays(evidence, "urp-1", "announcer", false, "500 announced, 2 waiting; no space left");
    },
    ...{ host: "urp-1", step: "disks-have-room", says: /100 % used/, remedy: /make room/ },
  },
  {
    title: "the radar software of one server has stopped",
    change: (evidence) => {
      hostOf(evidence, "urp-2").newest = [{ path: "old", bytes: 1, modifiedMs: nowMs - 1_200_000 }];
    },
    ...{ host: "urp-2", step: "products-are-made", says: /20 min old/, remedy: /radar software/ },
  },
  {
    title: "a product tree is empty",
    change: (evidence) => {
      hostOf(evidence, "urp-1").newest = [];
    },
    ...{ host: "urp-1", step: "products-are-made", says: /no product below/, remedy: /radar software/ },
  },
  {
    title: "an announcer was stopped",
    change: (evidence) => {
      unitIs(evidence, "urp-1", "warren-announcer.service", "inactive", "dead");
      silentAgent(evidence, "urp-1", "announcer", "Connection refused");
    },
    ...{
      host: "urp-1",
      step: "announcer-runs",
      says: /inactive \(dead\)/,
      remedy: /systemctl restart warren-announcer/,
    },
  },
  {
    title: "an announcer hangs",
    change: (evidence) => silentAgent(evidence, "urp-1", "announcer", "no answer in time"),
    ...{ host: "urp-1", step: "announcer-runs", says: /doesn't answer on port 9101/, remedy: /it hangs/ },
  },
  {
    title: "an announcer does not see a product",
    change: (evidence) => {
      const host = hostOf(evidence, "urp-2");
      host.newest = [{ path: "a/b", bytes: 1, modifiedMs: nowMs - 60_000 }];
      host.announcedAtMs = nowMs - 90_000;
    },
    ...{
      host: "urp-2",
      step: "products-are-announced",
      says: /60 s old and not announced/,
      remedy: /warren logs -s lab4/,
    },
  },
  {
    title: "one radar server can't reach the broker",
    change: (evidence) =>
      agentSays(evidence, "urp-2", "announcer", false, "9 waiting; no connection to x: timeout", away),
    ...{
      host: "urp-2",
      step: "products-are-announced",
      says: /urp-1.* are connected/,
      remedy: /the network from urp-2/,
    },
  },
  {
    title: "the tree can't be watched",
    change: (evidence) => agentSays(evidence, "urp-1", "announcer", false, "too many watches; connected to x"),
    ...{ host: "urp-1", step: "products-are-announced", says: /too many watches/, remedy: /--agent announcer/ },
  },
  {
    title: "apache was stopped",
    change: (evidence) => {
      unitIs(evidence, "urp-1", "apache2.service", "failed", "failed");
      for (const host of ["urp-1", ...evidence.chain.pdses]) {
        for (const fetch of hostOf(evidence, host).fetches ?? [])
          if (fetch.from === "urp-1") fetch.answer = { silent: "Connection refused" };
      }
    },
    ...{ host: "urp-1", step: "apache-runs", says: /failed/, remedy: /systemctl start apache2/ },
  },
  {
    title: "products can't be read by the web server",
    change: (evidence) => {
      for (const fetch of hostOf(evidence, "urp-2").fetches ?? []) fetch.answer = { status: 403, bytes: 199, body: "" };
    },
    ...{ host: "urp-2", step: "products-are-served", says: /answers 403/, remedy: /error.log/ },
  },
  {
    title: "a server sends half a file",
    change: (evidence) => {
      for (const fetch of hostOf(evidence, "urp-2").fetches ?? []) fetch.answer = { status: 200, bytes: 300, body: "" };
    },
    ...{ host: "urp-2", step: "products-are-served", says: /300 of 658 bytes/, remedy: /error.log/ },
  },
];
export { agentSays, away, brokerGone, dead, nodeSeen, nodesSeenBy, silentAgent, unitIs };
