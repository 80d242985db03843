import * as z from "zod";
import type { SeriesTraits } from "../../../infra/config/series.ts";
import type { Unreachable } from "../../../infra/hosts/ask.ts";
import { fingerprintOf } from "../../../infra/model/host-key.ts";
import { canSpare, describeProblem, type Problem, problemOf, problemWithout } from "../../inspect/health.ts";
import { chainHostOf } from "../../inspect/snapshot/chain.ts";
import type { Evidence } from "../../inspect/snapshot/evidence.ts";
import type { HostState } from "../backup/journals.ts";

/** In order. Each step can be repeated after it was interrupted. */
export const stepNames = ["stand-down", "pin", "forget", "journal", "up", "whole"] as const;
export type StepName = (typeof stepNames)[number];

/** The progress of a replacement. */
export const progressSchema = z.object({
  host: z.string(),
  startedAt: z.string(),
  steps: z.array(z.enum(stepNames)),
  done: z.array(z.enum(stepNames)),
  /** What was lost with the dead host; recorded, because it can't be found out once the host is replaced. */
  lost: z.array(z.string()),
});
export type Progress = z.infer<typeof progressSchema>;

/** The state before anything is done. */
export interface Facts {
  readonly stack: string;
  readonly host: string;
  /** The new host's address, and the one in the stack file. */
  readonly address: string;
  readonly formerAddress: string;
  readonly isAdopted: boolean;
  /** All members of the host's cluster, in the config's order. */
  readonly members: readonly string[];
  readonly replication: SeriesTraits["replication"];
  readonly evidence: Evidence;
  /** The host that answers by ssh at the previous address with the known key. */
  readonly state: HostState | Unreachable;
  /** The known key, and the one that the new address offers. */
  readonly pinnedKey: string | undefined;
  readonly offeredKey: string | undefined;
}

/** What the user has specified. */
export interface ReplaceOptions {
  readonly hostKey: string | undefined;
  readonly evenIfItAnswers: boolean;
  /** With `--yes`, the user is not asked whether a key is right. */
  readonly cannotAsk: boolean;
  /** Continues a replacement that was interrupted. */
  readonly isResumed: boolean;
}

export interface ReplacePlan {
  readonly steps: readonly StepName[];
  /** Written to the stack file; undefined if the known key and address are right. */
  readonly pin: { readonly key: string; readonly address: string | undefined } | undefined;
  /** The key is not confirmed yet, so the user is asked. */
  readonly asksForKey: boolean;
  /** Members that can remove the dead one from the cluster. */
  readonly others: readonly string[];
  /** The steps as text, one a line. */
  readonly lines: readonly string[];
  /** What was stored only on the dead host. */
  readonly lost: readonly string[];
  readonly refusals: readonly { readonly what: string; readonly remedy: string }[];
}

/** Decides how a dead host is replaced. Pure. */
export function planReplace(facts: Facts, options: ReplaceOptions): ReplacePlan {
  const { evidence, host, members } = facts;
  const others = members.filter((member) => member !== host);
  const isOld = "isBare" in facts.state && !facts.state.isBare && !options.isResumed;
  const { pin, asksForKey } = pinOf(facts, options);
  const isDispatcher = evidence.chain.dispatchers.includes(host);
  const steps = stepNames.filter((step) => {
    if (step === "stand-down") return isOld;
    if (step === "pin") return pin !== undefined;
    if (step === "forget") return others.length > 0;
    return step !== "journal" || (isDispatcher && evidence.chain.dispatchers.length > 1);
  });
  const refusals = [
    ...unfit(facts),
    ...(isOld && !options.evenIfItAnswers ? [stillThere(facts)] : []),
    ...keyRefusals(facts, options, asksForKey),
    ...(options.isResumed ? [] : unhealthy(facts)),
  ];
  return { steps, pin, asksForKey, others, lines: linesOf(facts, steps, pin, others), lost: lostWith(facts), refusals };
}

function pinOf({ pinnedKey, offeredKey, address, formerAddress }: Facts, { hostKey }: ReplaceOptions) {
  const key = hostKey ?? offeredKey;
  const moved = address === formerAddress ? undefined : address;
  if (key === undefined || (key === pinnedKey && moved === undefined)) return { pin: undefined, asksForKey: false };
  return { pin: { key, address: moved }, asksForKey: hostKey === undefined && key !== pinnedKey };
}

function keyRefusals(
  { host, address, offeredKey }: Facts,
  { hostKey, cannotAsk }: ReplaceOptions,
  asksForKey: boolean,
): ReplacePlan["refusals"] {
  if (offeredKey === undefined) {
    const remedy = `install Debian on it, with ssh and the stack's login key; if its address has changed, add --address`;
    return [{ what: `the new ${host} does not answer by ssh at ${address}`, remedy }];
  }
  const offered = `${address} offers ${fingerprintOf(offeredKey)}`;
  if (hostKey !== undefined && typeOf(hostKey) === typeOf(offeredKey) && hostKey !== offeredKey) {
    const remedy = `compare them with the key on its console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`;
    return [{ what: `${offered}, but --host-key is ${fingerprintOf(hostKey)}`, remedy }];
  }
  if (!asksForKey || !cannotAsk) return [];
  return [
    {
      what: `${offered}, which has not been compared yet`,
      remedy: `compare it on the console of ${host}, then add --host-key "${offeredKey}"`,
    },
  ];
}

const typeOf = (key: string): string => key.split(" ")[0] ?? "";

function stillThere({ host, stack, formerAddress }: Facts): ReplacePlan["refusals"][number] {
  return {
    what: `${host} answers at ${formerAddress}, and is not a new host`,
    remedy: `repair a host that answers with ./warren up -s ${stack}; to stop and replace it anyway, add --even-if-it-answers`,
  };
}

function unfit({ host, stack, isAdopted, members, replication, evidence }: Facts): ReplacePlan["refusals"] {
  if (isAdopted) {
    const remedy = `remove warren:hosts.${host}.adopted first, so that up builds it`;
    return [{ what: `${host} has services that were set up by hand`, remedy }];
  }
  if (!evidence.chain.members.includes(host) || canSpare({ members }, replication)) return [];
  const remedy = `rebuild the broker from a backup with ./warren restore -s ${stack} --from FILE`;
  return [
    {
      what: `the cluster can't work without ${host}: only ${members.length - 1} of ${members.length} members are left`,
      remedy,
    },
  ];
}

/** The problem that keeps the other hosts from working without it. */
function unhealthy({ host, replication, evidence }: Facts): ReplacePlan["refusals"] {
  const problem = problemElsewhere(evidence, host, replication);
  if (!problem) return [];
  const what = `the other hosts are not healthy: ${describeProblem(problem)}`;
  return [{ what, remedy: problem.remedy }];
}

/** The problem of the cluster as if the host were not part of it, or of its queues without that member. Pure. */
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
  const moved = address === formerAddress ? "" : `, and its address ${address} replaces ${formerAddress}`;
  const text: Readonly<Record<StepName, string>> = {
    "stand-down": `${host} still answers: its units are stopped`,
    pin: `its host key ${pin ? fingerprintOf(pin.key) : ""} is written to the stack file${moved}`,
    forget: `${others.join(", or ")} removes the member from the cluster, and its replicas from the queues`,
    journal: `another dispatcher's journal is copied to ${host}, so that it knows what was sent`,
    up: `up: ${host} is built${isMember ? ", joins the cluster and gets replicas; it accepts the virtual IP only when its dispatcher is ready" : ""}`,
    whole: "wait until the system is healthy and verify finds nothing",
  };
  return steps.map((step, index) => `${index + 1}. ${text[step]}`);
}

const byRole = {
  urp: [
    "the product tree: products not pulled yet come from the other radar server, if it has them too",
    "the announcer's spool: its products were not announced, except those that the other radar server has too",
  ],
  bunny: ["the journal of its dispatcher, which is replaced by another dispatcher's", "the logs of its broker"],
  pds: ["the receiver queue: products that were pulled but not ingested yet; they are not pulled again"],
  px: ["the txqs: products that were not delivered yet"],
  dd: ["the document root, and its broker with the clients' queues, whose definitions are in a backup"],
  client: ["the products it fetched"],
  ldap: ["changes to the directory that are not in the stack file"],
  monitor: ["measurements and silences, unless another monitor has them"],
} as const;

/** What was stored only on the host and is lost with it. */
function lostWith({ host, evidence }: Facts): string[] {
  const node = `rabbit@${host}`;
  const alone = Object.values(evidence.broker.queues ?? {}).filter(
    ({ replicas }) => replicas.length === 1 && replicas[0] === node,
  );
  const queues = alone.map(
    ({ name, messages }) => `queue ${name} with ${messages} messages, which had no other replica`,
  );
  return [...chainHostOf(evidence.chain, host).roles.flatMap((role) => [...byRole[role]]), ...queues];
}
