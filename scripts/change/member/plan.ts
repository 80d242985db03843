import { z } from "zod";
import type { SeriesTraits } from "../../../infra/config/series.ts";
import type { Unreachable } from "../../../infra/hosts/ask.ts";
import { fingerprintOf } from "../../../infra/model/host-key.ts";
import { canSpare, describeProblem, type Problem, problemOf, problemWithout } from "../../inspect/health.ts";
import { chainHostOf } from "../../inspect/snapshot/chain.ts";
import type { Evidence } from "../../inspect/snapshot/evidence.ts";
import type { HostState } from "../backup/journals.ts";

/** In their order. Each may be done again after it was broken off half way. */
export const stepNames = ["stand-down", "pin", "forget", "journal", "up", "whole"] as const;
export type StepName = (typeof stepNames)[number];

/** How far a replacement has come. */
export const progressSchema = z.object({
  host: z.string(),
  startedAt: z.string(),
  steps: z.array(z.enum(stepNames)),
  done: z.array(z.enum(stepNames)),
  /** What was lost with the dead host: nobody can tell any more once it is replaced. */
  lost: z.array(z.string()),
});
export type Progress = z.infer<typeof progressSchema>;

/** What is there before anything is done. */
export interface Facts {
  readonly stack: string;
  readonly host: string;
  /** Where the new host is, and where the stack file has had it. */
  readonly address: string;
  readonly formerAddress: string;
  readonly isAdopted: boolean;
  /** Members of the cluster that the host is one of, in the config's order. */
  readonly members: readonly string[];
  readonly replication: SeriesTraits["replication"];
  readonly evidence: Evidence;
  /** What answers by ssh at the former address, by the key that is known. */
  readonly state: HostState | Unreachable;
  /** The key that is known, and the one that the new address offers. */
  readonly pinnedKey: string | undefined;
  readonly offeredKey: string | undefined;
}

/** What the person has said. */
export interface Told {
  readonly hostKey: string | undefined;
  readonly evenIfItAnswers: boolean;
  /** Nobody can be asked whether a key is the right one. */
  readonly cannotAsk: boolean;
  /** Goes on with a replacement that was broken off. */
  readonly isResumed: boolean;
}

export interface ReplacePlan {
  readonly steps: readonly StepName[];
  /** Put into the stack file; undefined where what is known of the host is right. */
  readonly pin: { readonly key: string; readonly address: string | undefined } | undefined;
  /** The key is one that nobody has vouched for yet: the person is asked. */
  readonly asksForKey: boolean;
  /** Members that can forget the dead one. */
  readonly others: readonly string[];
  /** Each a line for the person who is asked. */
  readonly lines: readonly string[];
  /** What was on the dead host alone. */
  readonly lost: readonly string[];
  readonly refusals: readonly { readonly what: string; readonly remedy: string }[];
}

/** Decides how a dead host is replaced. Pure. */
export function planReplace(facts: Facts, told: Told): ReplacePlan {
  const { evidence, host, members } = facts;
  const others = members.filter((member) => member !== host);
  const isOld = "isBare" in facts.state && !facts.state.isBare && !told.isResumed;
  const { pin, asksForKey } = pinOf(facts, told);
  const isDispatcher = evidence.chain.dispatchers.includes(host);
  const steps = stepNames.filter((step) => {
    if (step === "stand-down") return isOld;
    if (step === "pin") return pin !== undefined;
    if (step === "forget") return others.length > 0;
    return step !== "journal" || (isDispatcher && evidence.chain.dispatchers.length > 1);
  });
  const refusals = [
    ...unfit(facts),
    ...(isOld && !told.evenIfItAnswers ? [stillThere(facts)] : []),
    ...keyRefusals(facts, told, asksForKey),
    ...(told.isResumed ? [] : lacking(facts)),
  ];
  return { steps, pin, asksForKey, others, lines: linesOf(facts, steps, pin, others), lost: lostWith(facts), refusals };
}

function pinOf({ pinnedKey, offeredKey, address, formerAddress }: Facts, { hostKey }: Told) {
  const key = hostKey ?? offeredKey;
  const moved = address === formerAddress ? undefined : address;
  if (key === undefined || (key === pinnedKey && moved === undefined)) return { pin: undefined, asksForKey: false };
  return { pin: { key, address: moved }, asksForKey: hostKey === undefined && key !== pinnedKey };
}

function keyRefusals(
  { host, address, offeredKey }: Facts,
  { hostKey, cannotAsk }: Told,
  asksForKey: boolean,
): ReplacePlan["refusals"] {
  if (offeredKey === undefined) {
    const remedy = `install Debian on it, with ssh and the stack's login key; where it has another address: --address`;
    return [{ what: `there is no new ${host}: no ssh answers at ${address}`, remedy }];
  }
  const offered = `${address} offers ${fingerprintOf(offeredKey)}`;
  if (hostKey !== undefined && typeOf(hostKey) === typeOf(offeredKey) && hostKey !== offeredKey) {
    const remedy = `compare on its console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`;
    return [{ what: `${offered}, and --host-key is ${fingerprintOf(hostKey)}`, remedy }];
  }
  if (!asksForKey || !cannotAsk) return [];
  return [
    {
      what: `${offered}, which nobody has compared yet`,
      remedy: `compare it on the console of ${host}, and add --host-key "${offeredKey}"`,
    },
  ];
}

const typeOf = (key: string): string => key.split(" ")[0] ?? "";

function stillThere({ host, stack, formerAddress }: Facts): ReplacePlan["refusals"][number] {
  return {
    what: `${host} answers at ${formerAddress}, and is no new host`,
    remedy: `./warren up -s ${stack} mends a host that answers; to have it stopped and replaced all the same: --even-if-it-answers`,
  };
}

function unfit({ host, stack, isAdopted, members, replication, evidence }: Facts): ReplacePlan["refusals"] {
  if (isAdopted) {
    const remedy = `take warren:hosts.${host}.adopted out first: then up builds it`;
    return [{ what: `${host} has services that were built by hand`, remedy }];
  }
  if (!evidence.chain.members.includes(host) || canSpare({ members }, replication)) return [];
  const remedy = `./warren restore -s ${stack} --from FILE makes the broker anew from a backup`;
  return [{ what: `the others can't go on without ${host}: they are ${members.length - 1}`, remedy }];
}

/** What the others lack to go on without it. */
function lacking({ host, replication, evidence }: Facts): ReplacePlan["refusals"] {
  const lack = problemElsewhere(evidence, host, replication);
  if (!lack) return [];
  const what = `the others are not whole: ${describeProblem(lack)}`;
  return [{ what, remedy: lack.remedy }];
}

/** What is lacking in the cluster beside a host, as if that were none of it; and what its queues lack to go on without it. Pure. */
export function problemElsewhere(
  evidence: Evidence,
  host: string,
  replication: SeriesTraits["replication"],
): Problem | undefined {
  return (
    problemOf(withoutHost(evidence, host), { hosts: [], isMoved: true }) ??
    (evidence.chain.members.includes(host) ? problemWithout(evidence, host, replication) : undefined)
  );
}

function withoutHost(evidence: Evidence, host: string): Evidence {
  const { chain, hosts, broker } = evidence;
  const node = `rabbit@${host}`;
  const without = (names: readonly string[]) => names.filter((name) => name !== host && name !== node);
  const byName = <Value>(all: Readonly<Record<string, Value>>, gone: string | undefined) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => name !== gone));
  const ledger = chain.queues.ledgers[host];
  const queues = Object.entries(byName(broker.queues ?? {}, ledger)).map(
    ([name, queue]) => [name, { ...queue, replicas: without(queue.replicas), inStep: without(queue.inStep) }] as const,
  );
  const views = Object.entries(byName(broker.members, host)).map(
    ([name, view]) =>
      [name, "nodes" in view ? { nodes: view.nodes.filter((one) => one.name !== node) } : view] as const,
  );
  return {
    ...evidence,
    chain: {
      ...chain,
      hosts: chain.hosts.filter(({ name }) => name !== host),
      urps: without(chain.urps),
      members: without(chain.members),
      dispatchers: without(chain.dispatchers),
      pdses: without(chain.pdses),
      queues: { ...chain.queues, ledgers: byName(chain.queues.ledgers, host) },
    },
    hosts: byName(hosts, host),
    broker: { members: Object.fromEntries(views), ...(broker.queues ? { queues: Object.fromEntries(queues) } : {}) },
  };
}

function linesOf(
  { host, address, formerAddress, evidence }: Facts,
  steps: readonly StepName[],
  pin: ReplacePlan["pin"],
  others: readonly string[],
): string[] {
  const isMember = evidence.chain.members.includes(host);
  const moved = address === formerAddress ? "" : `, and its address ${address} instead of ${formerAddress}`;
  const text: Readonly<Record<StepName, string>> = {
    "stand-down": `${host} still answers: its units are stopped`,
    pin: `its host key ${pin ? fingerprintOf(pin.key) : ""} goes into the stack file${moved}`,
    forget: `${others.join(", or ")} forgets the member, and takes its replicas off the queues`,
    journal: `the journal of another dispatcher goes to ${host}: it knows then what went out`,
    up: `up: ${host} is built${isMember ? ", joins, and its replicas are made; its dispatcher keeps the virtual IP away until it is ready" : ""}`,
    whole: "all is whole again, and verify finds nothing",
  };
  return steps.map((step, index) => `${index + 1}. ${text[step]}`);
}

const byRole = {
  urp: [
    "the product tree: what was not pulled from it yet comes from the other radar server, where that has made it, too",
    "the announcer's spool: what it held was announced by nobody, but for what the other radar server has made, too",
  ],
  bunny: ["the journal of its dispatcher, which another one's takes the place of", "the logs of its broker"],
  pds: ["the receiver queue: products that were pulled and not taken by what ingests; they are not pulled again"],
  px: ["the txqs: products that were not delivered yet"],
  dd: ["the document root, and its broker with the queues of clients: a backup has their definitions"],
  client: ["what was fetched"],
  ldap: ["changes to the directory that the stack file doesn't have"],
} as const;

/** What was on the host alone, and is lost with it. */
function lostWith({ host, evidence }: Facts): string[] {
  const node = `rabbit@${host}`;
  const alone = Object.values(evidence.broker.queues ?? {}).filter(
    ({ replicas }) => replicas.length === 1 && replicas[0] === node,
  );
  const queues = alone.map(
    ({ name, messages }) => `queue ${name}, which had no replica elsewhere, with ${messages} messages`,
  );
  return [...chainHostOf(evidence.chain, host).roles.flatMap((role) => [...byRole[role]]), ...queues];
}
