import { readFileSync } from "node:fs";
import path from "node:path";
import { answered } from "../../../infra/commands/fixture.ts";
import { answerText } from "../../../infra/hosts/ask.ts";
import { fixtureModel } from "../../../infra/model/fixture.ts";
import type { HostModel } from "../../../infra/model/types.ts";
import { parseNodes, parseObjects } from "../../../infra/observe/broker-answer.ts";
import { findDrift } from "../../../infra/observe/find-drift.ts";
import { healthyCluster, healthyObjects } from "../../../infra/observe/fixture.ts";
import { content } from "../../../infra/observe/management.ts";
import { parseObservation } from "../../../infra/observe/observation.ts";
import { checkout } from "../../../scripts/engine/places.ts";
import { parseNodes as parseEvidenceNodes, parseQueues } from "../../../scripts/inspect/snapshot/ask-broker.ts";
import type { Evidence, HostEvidence } from "../../../scripts/inspect/snapshot/evidence.ts";
import { parseHost } from "../../../scripts/inspect/snapshot/host-answer.ts";
import { formatStatus, statusOf } from "../../../scripts/inspect/status/screen.ts";
import { verify } from "../../../scripts/inspect/verify/judge.ts";
import { formatVerification } from "../../../scripts/inspect/verify/report.ts";
import type { TextReader } from "./text-subject.ts";

const model = fixtureModel();
const cluster = model.clusters[0] ?? fail("the fixture has no cluster");
const sound = new Map([[cluster.name, healthyCluster(cluster)]]);
const evidence = JSON.parse(
  readFileSync(path.join(checkout, "scripts/inspect/verify/recorded/parted.json"), "utf8"),
) as Evidence;
const ok = 200;

/** One kind of answer, its sections as `== NAME`, as they stay the same from run to run: what it looks like, and what reads it. Answers why it counts as none; undefined where it counts. */
interface Answer {
  readonly sample: string;
  read(text: string): string | undefined;
}

function fail(reason: string): never {
  throw new TypeError(reason);
}

/** To `observationScript`, of a host that is as its model has it but for what is in its files. */
function observed(host: HostModel): Answer {
  const places = [...host.files, ...host.artifacts, ...host.directories];
  const lines = [
    ...[
      "== stat",
      ...places.map(({ mode, owner, group, path: at }) => `${mode.slice(1)} ${owner} ${group} 4096 ${at}`),
    ],
    ...["== sha256", ...host.files.map((file) => `${"0".repeat(64)}  ${file.path}`)],
    ...["== accounts", ...host.accounts.map(({ name, home }) => `${name}:x:101:101::${home}:/usr/sbin/nologin`)],
    ...["== packages", ...host.packages.map(({ name }) => `${name} 3.10.8-1.1+deb12u1 hold installed`)],
    ...[
      "== units",
      ...host.units.flatMap(({ name }) => [`Id=${name}`, "ActiveState=active", "UnitFileState=enabled", ""]),
    ],
    ...["== addresses", "2: eth0    inet 10.203.0.21/24 brd 10.203.0.255 scope global eth0"],
    ...["== listening", "LISTEN 0 128 0.0.0.0:15671 0.0.0.0:*", "== end", ""],
  ];
  return {
    sample: lines.join("\n"),
    read(text) {
      const found = parseObservation(answerText(answered(text)));
      if (!found) return `${host.name}: no whole answer`;
      const drift = findDrift(model, new Map([[host.name, found]]), sound);
      return formatted([...drift.warnings, ...[...drift.unmanaged.values()].flat(), ...[...drift.hosts.keys()]]);
    },
  };
}

/** To `hostQuestion`, as the recorded host answered it. */
function looked(host: string): Answer {
  const { nowMs, units, addresses, agents, newest, announcedAtMs, placedAtMs } = evidence.hosts[host] as HostEvidence;
  const http = (body: string) => ["HTTP/1.1 200 OK\r", "content-type: application/json\r", "\r", body];
  const seconds = (ms: number) => (ms / 1000).toFixed(9);
  const lines = [
    ...["== clock", seconds(nowMs), "== units"],
    ...Object.entries(units).flatMap(([id, unit]) => [
      ...[`Id=${id}`, `ActiveState=${unit.active}`, `SubState=${unit.sub}`],
      ...[`NRestarts=${unit.restarts}`, `StatusText=${unit.status}`, ""],
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
      if (!found) return `${host}: no whole answer`;
      return judged({ ...evidence, hosts: { ...evidence.hosts, [host]: found } });
    },
  };
}

/** What people get to see of it. */
function judged(now: Evidence): string | undefined {
  const shown = formatVerification(verify(now, { productAgeSeconds: 300 }), false);
  return formatted([shown, formatStatus(statusOf(now, evidence, new Date(0)), false, 100)]);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

function formatted(texts: readonly string[]): undefined {
  const found = texts.find((text) => steering.test(text));
  if (found !== undefined) throw new Error(`shows control characters: ${JSON.stringify(found)}`);
}

/** What a management API answers. An error of its readers has a message for people: another form, or no JSON. */
function managed(sample: unknown, read: (answer: unknown) => unknown): Answer {
  return {
    sample: JSON.stringify(sample, null, 1),
    read(text) {
      let answer: unknown;
      try {
        answer = content(ok, text, "root");
        read(answer);
      } catch (error) {
        if (error instanceof TypeError || error instanceof RangeError) throw error;
        return `bunny1: ${(error as Error).message}`;
      }
      return undefined;
    },
  };
}

const objects = healthyObjects(cluster);
const definitions = {
  ...objects,
  users: objects.users.map(({ name, passwordHash, hashingAlgorithm, tags }) => {
    return { name, password_hash: passwordHash, hashing_algorithm: hashingAlgorithm, tags };
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

function compared(nodes: ReturnType<typeof parseNodes>, found: ReturnType<typeof parseObjects>): undefined {
  const views = new Map(cluster.members.map(({ host }) => [host, { nodes, objects: found }]));
  const { warnings, unmanaged } = findDrift(model, new Map(), new Map([[cluster.name, views]]));
  return formatted([...warnings, ...[...unmanaged.values()].flat()]);
}

const queues = Object.values(evidence.broker.queues ?? {}).map((queue) => ({
  ...{
    name: queue.name,
    node: "rabbit@bunny1",
    state: queue.state,
    messages: queue.messages,
    consumers: queue.consumers,
  },
  ...{ members: queue.replicas, online: queue.inStep, message_stats: { publish_details: { rate: queue.published } } },
}));

const answers: readonly Answer[] = [
  ...model.hosts.filter(({ name }) => ["bunny1", "urp-1"].includes(name)).map(observed),
  ...["urp-1", "bunny1", "pds-1"].map(looked),
  managed(members, (answer) => compared(parseNodes(answer), objects)),
  managed(definitions, (answer) => compared(soundNodes(), parseObjects(answer))),
  managed(members, (answer) => {
    const found = { nodes: parseEvidenceNodes(answer) };
    judged({ ...evidence, broker: { ...evidence.broker, members: { ...evidence.broker.members, bunny1: found } } });
  }),
  managed(queues, (answer) => {
    const found = Object.fromEntries(parseQueues(answer).map((queue) => [queue.name, queue]));
    judged({ ...evidence, broker: { ...evidence.broker, queues: found } });
  }),
];

function soundNodes(): ReturnType<typeof parseNodes> {
  return members.map(({ name, running }) => ({ name, running }));
}

/** What hosts and brokers answer, read, compared and judged as `preview`, `verify` and `status` do: one that somebody has taken over may answer anything. */
export const hostAnswerReader: TextReader = {
  name: "host-answer",
  summary: "what hosts and brokers answer, as preview, verify and status read it",
  samples: answers.map(({ sample }) => Buffer.from(sample)),
  read: (bytes, sample) => answers[sample]?.read(bytes.toString()),
};
