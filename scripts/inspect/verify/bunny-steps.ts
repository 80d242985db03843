import type { Chain } from "../snapshot/chain.ts";
import { type Evidence, holdersOf, hostEvidence } from "../snapshot/evidence.ts";
import { agentStep, amqpStep, answersStep, clockStep, diskStep, unitStep } from "./common-steps.ts";
import { keepsRunningStep } from "./crash-steps.ts";
import { dispatchSteps } from "./dispatch-steps.ts";
import { broken, good, onHost, type Step, type Verdict } from "./step.ts";

const members = ({ members: hosts }: Chain) => hosts;
const nodeOf = (host: string): string => `rabbit@${host}`;
const withVip = (chain: Chain): string[] => (chain.vip ? chain.members.slice(0, 1) : []);

/** "2. On bunny1/2-op": the broker, the virtual IP, the dispatcher. A step comes after those that it depends on. */
export const bunnySteps: readonly Step[] = [
  answersStep("bunny", members),
  clockStep("bunny", members),
  diskStep("bunny", members),
  unitStep("broker-runs", "broker runs", "bunny", "rabbitmq-server.service", members),
  amqpStep("bunny", members),
  {
    id: "broker-serves",
    name: "broker serves",
    part: "bunny",
    hosts: members,
    judge: ({ evidence }, host) => {
      const view = evidence.broker.members[host] ?? { silent: "not asked" };
      if ("nodes" in view) return good("its management API answers");
      if (!hostEvidence(evidence, host)) return { verdict: "unknown", evidence: "the host doesn't answer" };
      return broken(
        `its management API does not answer: ${view.silent}`,
        `${onHost(evidence, host, "tail -n 50 /var/log/rabbitmq/rabbit@*.log")}; an isolated node pauses, and continues when it sees the others; restart a node that hangs: ${onHost(evidence, host, "systemctl restart rabbitmq-server")}`,
      );
    },
  },
  {
    id: "members-are-together",
    name: "members are together",
    part: "bunny",
    hosts: members,
    judge: ({ evidence }, host) => together(evidence, host),
  },
  {
    id: "no-alarm",
    name: "no alarm",
    part: "bunny",
    hosts: members,
    judge: ({ evidence }, host) => {
      const node = nodesSeen(evidence).find(({ name }) => name === nodeOf(host));
      if (!node) return { verdict: "unknown", evidence: "no member reports it" };
      if (!node.memoryAlarm && !node.diskAlarm) return good("neither memory nor disk");
      const what = node.diskAlarm ? "disk" : "memory";
      const remedy = node.diskAlarm
        ? onHost(evidence, host, "df -h /var/lib/rabbitmq")
        : `${onHost(evidence, host, "rabbitmq-diagnostics -q memory_breakdown")}; queues without consumers fill it`;
      return broken(`${what} alarm: no member accepts messages until it clears`, remedy);
    },
  },
  // Before the virtual IP, which leaves a host whose dispatcher has stopped.
  keepsRunningStep(
    "bunny",
    ({ dispatchers }) => dispatchers,
    (agent) => agent === "dispatcher",
  ),
  unitStep("keepalived-runs", "keepalived runs", "bunny", "keepalived.service", (chain) =>
    chain.vip ? chain.members : [],
  ),
  {
    id: "virtual-ip-on-one-host",
    name: "virtual IP on one host",
    part: "bunny",
    hosts: withVip,
    judge: ({ evidence }, host) => {
      const { vip } = evidence.chain;
      const found = holdersOf(evidence);
      if (found.length === 1) return good(`${vip?.name} ${vip?.address} is on ${found[0]}`);
      const silent = evidence.chain.members.filter((member) => !hostEvidence(evidence, member));
      const logs = onHost(evidence, host, "journalctl -t warren-vip -u keepalived -n 30");
      if (found.length > 1) {
        return broken(
          `${vip?.address} is on ${found.join(" and ")}: they do not receive each other's VRRP adverts`,
          `check the network between them; ${logs}`,
        );
      }
      const unless = silent.length > 0 ? `, except perhaps on ${silent.join(" or ")}, which did not answer` : "";
      return broken(`${vip?.address} is on no host${unless}: no broker passes keepalived's check`, logs);
    },
  },
  {
    id: "on-the-preferred-host",
    name: "virtual IP on its preferred host",
    part: "bunny",
    hosts: withVip,
    judge: ({ evidence }, preferred) => {
      const found = holdersOf(evidence);
      if (found.includes(preferred)) return good(`${preferred} has the highest priority`);
      if (found.length === 0) return { verdict: "unknown", evidence: "it is on no host" };
      return broken(
        `${evidence.chain.vip?.address} is on ${found.join(" and ")}, not on ${preferred}`,
        `it comes back by itself some seconds after ${preferred} is healthy. If it was moved away by hand: ${onHost(evidence, preferred, "/usr/local/lib/warren/stand-back no")}; keepalived's log: ${onHost(evidence, preferred, "journalctl -u keepalived -n 20")}`,
      );
    },
  },
  agentStep("bunny", "dispatcher", ({ dispatchers }) => dispatchers),
  ...dispatchSteps,
];

/** Every member that answers knows this one, sees it running, and is not partitioned from it. */
function together(evidence: Evidence, host: string): Verdict {
  const name = nodeOf(host);
  const views = Object.entries(evidence.broker.members).flatMap(([from, view]) =>
    "nodes" in view ? [{ from, node: view.nodes.find((node) => node.name === name) }] : [],
  );
  if (views.length === 0) return { verdict: "unknown", evidence: "no member answers" };
  const status = onHost(evidence, host, "rabbitmqctl -q cluster_status");
  const strange = views.find(({ node }) => !node);
  if (strange) {
    return broken(
      `${strange.from} doesn't know ${name}: they are not in the same cluster`,
      `./warren up -s ${evidence.chain.stack}; ${status}`,
    );
  }
  const down = views.filter(({ node }) => !node?.running).map(({ from }) => from);
  if (down.length > 0) {
    return broken(
      `${name} is not running, according to ${down.join(", ")}`,
      `${onHost(evidence, host, "systemctl status rabbitmq-server")}; if it runs, check the network between them`,
    );
  }
  const parted = views.find(({ node }) => node && node.partitions.length > 0);
  if (parted) {
    return broken(
      `${name} is partitioned from ${parted.node?.partitions.join(", ")}, according to ${parted.from}`,
      `it heals by itself when the network works again; if it doesn't: ${onHost(evidence, host, "systemctl restart rabbitmq-server")}`,
    );
  }
  return good(`running, and known to ${views.map(({ from }) => from).join(", ")}`);
}

/** Each node as seen by itself or, failing that, by another member. */
function nodesSeen({ broker }: Evidence) {
  const views = Object.entries(broker.members).flatMap(([from, view]) =>
    "nodes" in view ? view.nodes.map((node) => ({ ...node, own: node.name === nodeOf(from) })) : [],
  );
  return views.toSorted((a, b) => Number(b.own) - Number(a.own));
}
