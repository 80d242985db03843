import { readFileSync } from "node:fs";
import path from "node:path";
import { answered } from "../../../infra/commands/fixture.ts";
import { answerText } from "../../../infra/hosts/ask.ts";
import { fixtureModel } from "../../../infra/model/fixture.ts";
import type { HostModel } from "../../../infra/model/types.ts";
import { parseNodes, parseObjects } from "../../../infra/observe/broker-answer.ts";
import { findDrift } from "../../../infra/observe/find-drift.ts";
import { healthyCluster, healthyObjects, soundAnswer } from "../../../infra/observe/fixture.ts";
import { content } from "../../../infra/observe/management.ts";
import { parseObservation } from "../../../infra/observe/observation.ts";
import { checkout } from "../../../scripts/engine/places.ts";
import { parseNodes as parseEvidenceNodes, parseQueues } from "../../../scripts/inspect/snapshot/ask-broker.ts";
import type { Evidence, HostEvidence } from "../../../scripts/inspect/snapshot/evidence.ts";
import { parseHost } from "../../../scripts/inspect/snapshot/host-answer.ts";
import { formatStatus, statusOf } from "../../../scripts/inspect/status/screen.ts";
import { verify } from "../../../scripts/inspect/verify/judge.ts";
import { formatVerification } from "../../../scripts/inspect/verify/report.ts";
import { steering, type TextReader } from "./text-subject.ts";

const model = fixtureModel();
const [cluster] = model.clusters;
if (!cluster) throw new TypeError("the fixture has no cluster");
const sound = new Map([[cluster.name, healthyCluster(cluster)]]);
const recorded = (file: string) =>
  JSON.parse(readFileSync(path.join(checkout, `scripts/inspect/verify/recorded/${file}.json`), "utf8"));
const evidence: Evidence = { ...recorded("parted"), chain: recorded("chain") };
const ok = 200;

/** One kind of answer: a sample and its reader. Sections are `== NAME`, so that they are the same in every run. */
interface Answer {
  readonly sample: string;
  /** @returns why the answer is refused; undefined if it is accepted */
  read(text: string): string | undefined;
}

function isHarmless(texts: readonly string[]): undefined {
  const found = texts.find((text) => steering.test(text));
  if (found !== undefined) throw new Error(`shows control characters: ${JSON.stringify(found)}`);
}

/** Checks the reported drift of hosts and clusters. */
function compared(...[hosts, clusters]: [Parameters<typeof findDrift>[1], Parameters<typeof findDrift>[2]]): undefined {
  const drift = findDrift(model, hosts, clusters);
  return isHarmless([...drift.warnings, ...[...drift.unmanaged.values()].flat(), ...drift.hosts.keys()]);
}

/** Checks the output of verify and status for a system. */
function judged(now: Evidence): undefined {
  const shown = formatVerification(verify(now, { productAgeSeconds: 300 }), false);
  return isHarmless([shown, formatStatus(statusOf(now, evidence, new Date(0)), false, 100)]);
}

/** An answer to `observationScript`. */
function observed(host: HostModel): Answer {
  const more = [
    ...["== addresses", "2: eth0    inet 10.203.0.21/24 brd 10.203.0.255 scope global eth0"],
    ...["== listening", "LISTEN 0 128 0.0.0.0:15671 0.0.0.0:*", "== end"],
  ];
  return {
    sample: soundAnswer(host).replace("== end", more.join("\n")),
    read(text) {
      const found = parseObservation(answerText(answered(text)));
      return found ? compared(new Map([[host.name, found]]), sound) : `${host.name}: no complete answer`;
    },
  };
}

/** An answer to `hostQuestion`, from the recorded host. */
function snapshotOf(host: string): Answer {
  const { nowMs, units, addresses, agents, newest, announcedAtMs, placedAtMs } = evidence.hosts[host] as HostEvidence;
  const http = (body: string) => ["HTTP/1.1 200 OK\r", "content-type: application/json\r", "\r", body];
  const seconds = (ms: number) => (ms / 1000).toFixed(9);
  const lines = [
    ...["== clock", seconds(nowMs), "== units"],
    ...Object.entries(units).flatMap(([id, { active, sub, restarts, status }]) => [
      ...[`Id=${id}`, `ActiveState=${active}`, `SubState=${sub}`, `NRestarts=${restarts}`, `StatusText=${status}`, ""],
    ]),
    ...["== addresses", ...addresses.map((address) => `2: eth0    inet ${address}/24 scope global eth0`)],
    ...["== disks", "Use%      Avail Mounted on", " 20% 79085494272 /"],
    ...Object.entries(agents).flatMap(([name, agent]) => [
      ...[`== health ${name}`, ...http(JSON.stringify("health" in agent ? agent.health : {}))],
      ...[`== metrics ${name}`, ...http(`warren_${name}_announced_total 7\nwarren_${name}_pulled_total{from="a"} 8`)],
    ]),
    ...["== amqp", "1", "== newest"],
    ...(newest ?? []).map(
      (file) => `${seconds(file.modifiedMs)} ${file.bytes} ${evidence.chain.productRoot}/${file.path}`,
    ),
    ...["== announced", JSON.stringify(["a/b", "12", 3, 4, announcedAtMs ?? nowMs])],
    ...["== placed", JSON.stringify(["placing", "a", placedAtMs ?? nowMs]), "", "== end", ""],
  ];
  return {
    sample: lines.join("\n"),
    read(text) {
      const found = parseHost(evidence.chain, host, answerText(answered(text)));
      return found
        ? judged({ ...evidence, hosts: { ...evidence.hosts, [host]: found } })
        : `${host}: no complete answer`;
    },
  };
}

/** An answer of a management API. Readers report a wrong form or invalid JSON by an error with a message. */
function managed(sample: unknown, read: (answer: unknown) => undefined): Answer {
  return {
    sample: JSON.stringify(sample, null, 1),
    read(text) {
      try {
        return read(content(ok, text, "root"));
      } catch (error) {
        if (error instanceof TypeError || error instanceof RangeError) throw error;
        return `bunny1: ${(error as Error).message}`;
      }
    },
  };
}

const objects = healthyObjects(cluster);
const definitions = {
  ...objects,
  users: objects.users.map(({ passwordHash, hashingAlgorithm, ...user }) => {
    return { ...user, password_hash: passwordHash, hashing_algorithm: hashingAlgorithm };
  }),
  policies: objects.policies.map(({ applyTo, ...policy }) => ({ ...policy, "apply-to": applyTo })),
  parameters: objects.operatorPolicies.map(({ name, vhost, applyTo, ...value }) => {
    return { name, vhost, component: "operator_policy", value: { ...value, "apply-to": applyTo } };
  }),
  queues: objects.queues.map((queue) => ({ ...queue, durable: true })),
  bindings: objects.bindings.map(({ vhost, exchange, queue, key }) => {
    return { vhost, source: exchange, destination: queue, destination_type: "queue", routing_key: key };
  }),
};
const members = cluster.members.map(({ host }) => ({ name: `rabbit@${host}`, running: true, enabled_plugins: ["a"] }));
const queues = Object.values(evidence.broker.queues ?? {}).map(({ name, state, messages, consumers, ...queue }) => ({
  ...{ name, node: "rabbit@bunny1", state, messages, consumers },
  ...{ members: queue.replicas, online: queue.inStep, message_stats: { publish_details: { rate: queue.published } } },
}));

/** The same answer from all members of the cluster. */
function seen(nodes: ReturnType<typeof parseNodes>, found: ReturnType<typeof parseObjects>): undefined {
  const views = (cluster?.members ?? []).map(({ host }) => [host, { nodes, objects: found }] as const);
  return compared(new Map(), new Map([[cluster?.name ?? "", new Map(views)]]));
}

const ofBroker = (found: Partial<Evidence["broker"]>): undefined =>
  judged({ ...evidence, broker: { ...evidence.broker, ...found } });

const answers: readonly Answer[] = [
  ...model.hosts.filter(({ name }) => ["bunny1", "urp-1"].includes(name)).map(observed),
  ...["urp-1", "bunny1", "pds-1"].map(snapshotOf),
  managed(members, (answer) => seen(parseNodes(answer), objects)),
  managed(definitions, (answer) => seen(parseNodes(members), parseObjects(answer))),
  managed(members, (answer) => {
    return ofBroker({ members: { ...evidence.broker.members, bunny1: { nodes: parseEvidenceNodes(answer) } } });
  }),
  managed(queues, (answer) =>
    ofBroker({ queues: Object.fromEntries(parseQueues(answer).map((one) => [one.name, one])) }),
  ),
];

/** Reads and judges answers of hosts and brokers as `preview`, `verify` and `status` do: a compromised host may answer anything. */
export const hostAnswerReader: TextReader = {
  name: "host-answer",
  summary: "answers of hosts and brokers, as preview, verify and status read them",
  samples: answers.map(({ sample }) => Buffer.from(sample)),
  read: (bytes, sample) => answers[sample]?.read(bytes.toString()),
};
