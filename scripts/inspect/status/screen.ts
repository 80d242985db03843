import { painter } from "../../lib/table.ts";
import { type Evidence, hostEvidence } from "../snapshot/evidence.ts";
import { perSecond } from "../verify/dispatch-steps.ts";
import { type AgentStatus, agentStatuses, type Word } from "./agents.ts";

export interface MemberStatus {
  readonly host: string;
  readonly running: boolean;
  readonly holdsVirtualIp: boolean;
  readonly alarms: readonly string[];
  readonly partitions: readonly string[];
}

export interface QueueStatus {
  readonly name: string;
  readonly messages: number;
  readonly consumers: number;
  readonly publishedPerSecond: number;
  readonly acknowledgedPerSecond: number;
}

/** The content of the screen and of `--json`. */
export interface Status {
  readonly stack: string;
  readonly at: string;
  readonly virtualIp: { readonly address: string; readonly holders: readonly string[] } | null;
  readonly members: readonly MemberStatus[];
  readonly queues: readonly QueueStatus[];
  readonly agents: readonly AgentStatus[];
  readonly away: readonly { readonly host: string; readonly why: string }[];
}

/** @param before the last snapshot, from which rates are computed */
export function statusOf(now: Evidence, before: Evidence, at: Date): Status {
  const { chain, broker } = now;
  const { vip, queues } = chain;
  const holds = (host: string) =>
    vip !== undefined && hostEvidence(now, host)?.addresses.includes(vip.address) === true;
  const shown = [queues.input, queues.pull, ...Object.values(queues.ledgers), queues.dead];
  return {
    stack: chain.stack,
    at: at.toISOString(),
    virtualIp: vip ? { address: vip.address, holders: chain.members.filter(holds) } : null,
    members: chain.members.map((host) => memberStatus(now, host, holds(host))),
    queues: shown.flatMap((name) => {
      const queue = broker.queues?.[name];
      if (!queue) return [];
      const { messages, consumers, published, acknowledged } = queue;
      return [{ name, messages, consumers, publishedPerSecond: published, acknowledgedPerSecond: acknowledged }];
    }),
    agents: agentStatuses(now, before),
    away: Object.entries(now.hosts).flatMap(([host, found]) =>
      "unreachable" in found ? [{ host, why: found.unreachable }] : [],
    ),
  };
}

function memberStatus({ broker }: Evidence, host: string, holdsVirtualIp: boolean): MemberStatus {
  const views = Object.values(broker.members).flatMap((view) => ("nodes" in view ? view.nodes : []));
  const own = broker.members[host];
  const seen = views.filter(({ name }) => name === `rabbit@${host}`);
  return {
    host,
    running: own !== undefined && "nodes" in own,
    holdsVirtualIp,
    alarms: [
      ...(seen.some(({ memoryAlarm }) => memoryAlarm) ? ["memory"] : []),
      ...(seen.some(({ diskAlarm }) => diskAlarm) ? ["disk"] : []),
    ],
    partitions: [...new Set(seen.flatMap(({ partitions }) => partitions))],
  };
}

const bad: ReadonlySet<Word> = new Set(["stop", "hung", "part", "reje", "away"]);
const strained: ReadonlySet<Word> = new Set(["rtry", "lag", "slow"]);

/** Whether anything is wrong. */
export const hasFindings = ({ agents, away, virtualIp, members }: Status): boolean =>
  away.length > 0 ||
  agents.some(({ word }) => bad.has(word) || strained.has(word)) ||
  (virtualIp !== null && virtualIp.holders.length !== 1) ||
  members.some(({ running, alarms, partitions }) => !running || alarms.length + partitions.length > 0);

/** @param columns of the terminal; longer texts are cut */
export function formatStatus(status: Status, color: boolean, columns: number): string {
  const paint = painter(color);
  const wordText = (word: Word) => {
    const padded = word.padEnd(4);
    if (bad.has(word)) return paint("red", padded);
    return strained.has(word) ? paint("yellow", padded) : paint("green", padded);
  };
  const { virtualIp, members, queues, agents, away } = status;
  const hostWidth = Math.max(4, ...agents.map(({ host }) => host.length));
  const agentWidth = Math.max(5, ...agents.map(({ agent }) => agent.length));
  const queueWidth = Math.max(5, ...queues.map(({ name }) => name.length));
  const cut = (text: string, before: number) => text.slice(0, Math.max(10, columns - before));
  const row = ({ host, agent, word, perSecond: rate, meanSeconds, text }: AgentStatus) => {
    const mean = meanSeconds === undefined ? "-" : `${Math.round(meanSeconds * 1000)} ms`;
    const rest = cut(text, hostWidth + agentWidth + 32);
    return `  ${host.padEnd(hostWidth)}  ${agent.padEnd(agentWidth)}  ${wordText(word)}  ${perSecond(rate).padStart(7)}  ${mean.padStart(8)}  ${rest}`;
  };
  const holders = virtualIp?.holders.join(" and ") || "no host";
  return [
    `stack ${status.stack}  ${status.at.slice(0, 19).replace("T", " ")} UTC${virtualIp ? `  ${virtualIp.address} on ${holders}` : ""}`,
    "",
    ...members.map((member) => `  ${member.host.padEnd(hostWidth)}  broker ${memberText(member, paint)}`),
    "",
    `  ${"queue".padEnd(queueWidth)}  messages  consumers        in     acked`,
    ...queues.map(
      ({ name, messages, consumers, publishedPerSecond, acknowledgedPerSecond }) =>
        `  ${name.padEnd(queueWidth)}  ${String(messages).padStart(8)}  ${String(consumers).padStart(9)}  ${perSecond(publishedPerSecond).padStart(8)}  ${perSecond(acknowledgedPerSecond).padStart(8)}`,
    ),
    "",
    `  ${"host".padEnd(hostWidth)}  ${"agent".padEnd(agentWidth)}  is       rate  a product  health`,
    ...agents.map(row),
    ...away.map(({ host, why }) => `  ${paint("red", `${host} doesn't answer: ${cut(why, host.length + 20)}`)}`),
    "",
  ].join("\n");
}

function memberText(member: MemberStatus, paint: (colour: "red" | "green", text: string) => string): string {
  const troubles = [
    ...member.alarms.map((alarm) => `${alarm} alarm`),
    ...(member.partitions.length > 0 ? [`partitioned from ${member.partitions.join(", ")}`] : []),
  ];
  const state = member.running ? paint("green", "run ") : paint("red", "stop");
  const vip = member.holdsVirtualIp ? "  has the virtual IP" : "";
  return `${state}${vip}${troubles.length > 0 ? `  ${paint("red", troubles.join(", "))}` : ""}`;
}
