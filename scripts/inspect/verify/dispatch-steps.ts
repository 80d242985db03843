import type { Chain } from "../snapshot/chain.ts";
import { type Evidence, hostEvidence, type QueueEvidence } from "../snapshot/evidence.ts";
import { agentOf } from "./common-steps.ts";
import { broken, byHost, good, logsOf, onHost, type Step, type Verdict } from "./step.ts";

/** Messages that may be in flight in a working system: one and a half times the largest prefetch of the dispatcher. */
const onTheirWay = 3000;

const dispatchers = ({ dispatchers: hosts }: Chain) => hosts;
const first = ({ members }: Chain) => members.slice(0, 1);

/** Queues and dispatchers. */
export const dispatchSteps: readonly Step[] = [
  {
    id: "queues-are-replicated",
    name: "queues are replicated",
    part: "bunny",
    hosts: first,
    judge: ({ evidence }) => replicated(evidence),
  },
  {
    id: "dispatcher-is-well",
    name: "dispatcher is healthy",
    part: "bunny",
    hosts: dispatchers,
    judge: byHost((host, { evidence }, name) => {
      const { health } = agentOf(host, "dispatcher");
      if (!health) return { verdict: "unknown", evidence: "the dispatcher does not answer" };
      if (health.ok) return good(health.text);
      const remedy = health.silentSources?.length
        ? "a radar server announces nothing while the other one does: check part 1, URP"
        : `${logsOf(evidence, name, "dispatcher")}; ${onHost(evidence, name, "systemctl show warren-dispatcher.service -p StatusText")}`;
      return broken(health.text, remedy);
    }),
  },
  {
    id: "one-dispatcher-is-active",
    name: "one dispatcher is active",
    part: "bunny",
    hosts: first,
    judge: ({ evidence }) => oneActive(evidence),
  },
  {
    id: "announcements-are-dispatched",
    name: "announcements are dispatched",
    part: "bunny",
    hosts: first,
    judge: ({ evidence }, host) => {
      const { input, pull } = evidence.chain.queues;
      const found = evidence.broker.queues?.[input];
      const out = evidence.broker.queues?.[pull];
      if (!found) return noQueue(evidence, input);
      const rates = `in ${perSecond(found.published)}, dispatched ${perSecond(out?.published ?? 0)}`;
      const holds = `${input} holds ${found.messages}, ${rates}`;
      const logs = `./warren logs -s ${evidence.chain.stack} --agent dispatcher --since 600`;
      if (found.consumers === 0) return broken(`${input} has no consumer; ${holds}`, logs);
      if (found.messages > onTheirWay && found.acknowledged < 1) {
        return broken(
          `${holds}: none is consumed`,
          `${logs}; ${onHost(evidence, host, "rabbitmqctl -q list_consumers")}`,
        );
      }
      return good(holds);
    },
  },
  {
    id: "ledger-is-read",
    name: "ledger is read",
    part: "bunny",
    hosts: dispatchers,
    judge: ({ evidence }, host) => {
      const name = evidence.chain.queues.ledgers[host] ?? "";
      const found = evidence.broker.queues?.[name];
      if (!found) return noQueue(evidence, name);
      const holds = `${name} holds ${found.messages}`;
      const remedy = `its dispatcher is down, or can't write its journal: ${logsOf(evidence, host, "dispatcher")}; ${onHost(evidence, host, "df -h /var/lib/warren")}`;
      if (found.consumers === 0) return broken(`${holds}, and has no consumer`, remedy);
      if (found.messages > onTheirWay && found.acknowledged < 1) return broken(`${holds}: none is acked`, remedy);
      return good(holds);
    },
  },
];

/** Every queue of the chain is in step on all members. */
function replicated(evidence: Evidence): Verdict {
  const { chain, broker } = evidence;
  if (!broker.queues) return { verdict: "unknown", evidence: "no member reports queues" };
  const { input, pull, dead, ledgers } = chain.queues;
  const wanted = [input, pull, dead, ...Object.values(ledgers)];
  const missing = wanted.find((name) => !broker.queues?.[name]);
  if (missing) return noQueue(evidence, missing);
  const behind = wanted.flatMap((name) => {
    const queue = broker.queues?.[name];
    const missing = queue && chain.members.filter((host) => !queue.inStep.includes(`rabbit@${host}`));
    if (!queue || !missing || (missing.length === 0 && queue.state === "running")) return [];
    return [{ name, missing, state: queue.state }];
  });
  const [one] = behind;
  if (!one) return good(`${wanted.length} queues, each on ${chain.members.length} members in step`);
  const on = one.missing.length > 0 ? `has no replica in step on ${one.missing.join(", ")}` : `is ${one.state}`;
  const more = behind.length > 1 ? `, and ${behind.length - 1} more` : "";
  const host = one.missing[0] ?? chain.members[0] ?? "";
  return broken(
    `${one.name} ${on}${more}`,
    `a member that is back catches up by itself; if it doesn't within minutes: ${onHost(evidence, host, "rabbitmqctl -q list_queues name state")}, then ${onHost(evidence, host, "systemctl restart rabbitmq-server")}`,
  );
}

export function noQueue({ broker, chain }: Evidence, name: string): Verdict {
  if (!broker.queues) return { verdict: "unknown", evidence: "no member reports queues" };
  return broken(
    `there is no queue ${name}`,
    `agents declare it when they connect; restart one: ${onHost({ chain }, chain.dispatchers[0] ?? "", "systemctl restart warren-dispatcher.service")}`,
  );
}

/** Exactly one is active, on the host with the virtual IP; the others are on standby. */
function oneActive(evidence: Evidence): Verdict {
  const { chain } = evidence;
  const states = chain.dispatchers.map((host) => {
    const found = hostEvidence(evidence, host);
    return { host, state: (found && agentOf(found, "dispatcher").health?.state) ?? "silent" };
  });
  const text = states.map(({ host, state }) => `${host} ${state}`).join(", ");
  // After a pause a dispatcher catches up for some milliseconds before the first announcement.
  const active = states.filter(({ state }) => state === "active" || state === "catching-up");
  const logs = `./warren logs -s ${chain.stack} --agent dispatcher --since 600`;
  if (active.length === 0) return broken(`no dispatcher is active: ${text}`, logs);
  if (active.length > 1 && chain.vip)
    return broken(`more than one dispatcher is active: ${text}`, `check the virtual IP first; ${logs}`);
  const [one] = active;
  const isHolder =
    !chain.vip || !one || hostEvidence(evidence, one.host)?.addresses.includes(chain.vip.address) === true;
  if (!isHolder) return broken(`${one.host} is active without the virtual IP: ${text}`, logs);
  return good(text);
}

export const perSecond = (rate: number): string => `${rate.toFixed(rate < 10 ? 1 : 0)}/s`;

/** Seconds until a queue is empty at the current rate; undefined if nothing moves. */
export function waitSeconds({ messages, acknowledged }: QueueEvidence): number | undefined {
  if (messages === 0) return 0;
  return acknowledged > 0 ? messages / acknowledged : undefined;
}

/** How long an announcement may wait for a consumer. */
export const waitSecondsMost = 60;
/** A backlog that will be gone within this time needs no action. */
const workedOffSecondsMost = 600;

/** Whether the consumers of a queue are slower than its publishers. */
export function isTooSlow(queue: QueueEvidence): boolean {
  const seconds = waitSeconds(queue);
  if (seconds === undefined || seconds <= waitSecondsMost) return false;
  const fewerPerSecond = queue.acknowledged - queue.published;
  return fewerPerSecond <= 0 || queue.messages / fewerPerSecond > workedOffSecondsMost;
}
