import { setTimeout as sleep } from "node:timers/promises";
import { escapePath } from "../../../agents/lib/announcement.ts";
import type { StackConfig } from "../../../infra/config/index.ts";
import type { Unreachable } from "../../../infra/hosts/ask.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import { openHosts } from "../../engine/hosts.ts";
import { readCommittedConfig, readStackConfig } from "../../engine/stack-config.ts";
import { type BrokerAsker, openBrokerAsker } from "./ask-broker.ts";
import { type Chain, chainOf, roadAt, roadsFrom } from "./chain.ts";
import { type Evidence, type HostEvidence, hostEvidence, type ProductEvidence } from "./evidence.ts";
import { parseFetches, parseHost, parseLogins } from "./host-answer.ts";
import { fetchQuestion, hostQuestion, type Wanted } from "./question.ts";
import { crashLoops, endsQuestion, parseEnds } from "./restarts.ts";

/**
 * Time limit for one host's answer, in milliseconds. A working host answers in less than one second, a busy one in a few. ssh gives up sooner on a dead host:
 * after `dialTimeoutSeconds`, or after four seconds if a connection is open.
 */
const hostDeadlineMs = 8000;
/** Seconds to fetch one product from each radar server to each puller. */
const fetchSecondsMost = 3;
/** A younger product may still be being written, so another one is fetched. */
const completeAfterMs = 2000;
/** Share of the time for the second question, which depends on answers to the first. */
const secondQuestionShare = 0.25;

export interface SnapshotOptions {
  readonly withMetrics: boolean;
  /** Whether to fetch products, and to read the messages that crash-looping agents would consume next. */
  readonly withFetches: boolean;
  /** Time limit for the complete snapshot, in milliseconds; by default each host has `hostDeadlineMs` for each question. */
  readonly withinMs?: number;
}

/** All hosts and brokers, without a second question and without metrics. */
export const bareSnapshot: SnapshotOptions = { withMetrics: false, withFetches: false };

/** Minimum for brokers, however long it took to decrypt their password. */
const brokerMsLeast = 1000;
/** Minimum for the head of a queue. */
const headMsLeast = 300;

/** For a question and its answer on an open connection. */
const roundTripMs = 300;

/** Takes snapshots of a stack. */
export interface Observer {
  readonly chain: Chain;
  readonly reach: Hosts;
  snapshot(options: SnapshotOptions): Promise<Evidence>;
  close(): void;
}

/**
 * Opens a stack for snapshots. Hosts are known from the stack file, so they can be asked while the engine still decrypts the brokers' password.
 *
 * @param as changes the config against which the stack is judged
 * @throws UserError or ConfigError if the stack's config can't be read
 */
export async function openObserver(
  stack: string,
  as: (config: StackConfig) => StackConfig = (config) => config,
): Promise<Observer> {
  const committed = as(readCommittedConfig(stack));
  const chain = chainOf(stack, committed);
  const brokers = readStackConfig(stack).then((config) => openBrokers(chain, as(config)));
  // The error is reported by the first snapshot.
  brokers.catch(() => {});
  const reach = await openHosts(stack, committed);
  return {
    chain,
    reach,
    snapshot: (options) => takeSnapshot(chain, reach, brokers, options),
    close: () => void brokers.then((all) => all.close()).catch(() => {}),
  };
}

interface Brokers {
  readonly announcements: BrokerAsker;
  /** By name. */
  readonly ofPublic: ReadonlyMap<string, BrokerAsker>;
  close(): void;
}

async function openBrokers(chain: Chain, config: StackConfig): Promise<Brokers> {
  const announcements = await openBrokerAsker(chain, chain.broker, chain.members, config);
  const ofPublic = new Map<string, BrokerAsker>();
  for (const { broker, server } of chain.publicRoads) {
    ofPublic.set(broker, await openBrokerAsker(chain, broker, [server], config));
  }
  return {
    ...{ announcements, ofPublic },
    close: () => {
      for (const asker of [announcements, ...ofPublic.values()]) asker.close();
    },
  };
}

async function takeSnapshot(
  chain: Chain,
  reach: Hosts,
  brokers: Promise<Brokers>,
  { withMetrics, withFetches, withinMs }: SnapshotOptions,
): Promise<Evidence> {
  const deadlines = deadlinesOf(withinMs);
  const [hosts, [broker, publicBrokers]] = await Promise.all([
    askHosts({ chain, reach, withMetrics, withFetches, deadlines }),
    brokers.then(({ announcements, ofPublic }) => {
      const leftMs = withinMs === undefined ? undefined : Math.max(brokerMsLeast, deadlines.secondMs());
      return Promise.all([announcements.ask(leftMs), eachOf(ofPublic, (_, asker) => asker.ask(leftMs))]);
    }),
  ]);
  const evidence = { chain, hosts, broker, publicBrokers };
  return withFetches ? withHeads(evidence, await brokers, deadlines.secondMs()) : evidence;
}

/** What an asynchronous function returns for each broker, by name. */
const eachOf = async <Answer>(
  askers: ReadonlyMap<string, BrokerAsker>,
  ask: (broker: string, asker: BrokerAsker) => Promise<Answer>,
): Promise<Record<string, Answer>> =>
  Object.fromEntries(
    await Promise.all([...askers].map(async ([name, asker]) => [name, await ask(name, asker)] as const)),
  );

/** Reads the messages that crash-looping agents would consume next; these are redelivered over and over anyway. */
async function withHeads(
  evidence: Evidence,
  { announcements, ofPublic }: Brokers,
  withinMs: number,
): Promise<Evidence> {
  const { chain } = evidence;
  const taken = chain.hosts.flatMap(({ name }) => {
    const host = hostEvidence(evidence, name);
    return host ? crashLoops(chain, name, host).flatMap(({ place }) => place.takes ?? []) : [];
  });
  const late = sleep(Math.max(headMsLeast, withinMs), { silent: "no answer in time" }, { ref: false });
  const headsAt = async (broker: string, asker: BrokerAsker) => {
    const queues = new Set(taken.flatMap((one) => (one.broker === broker ? one.queues : [])));
    if (queues.size === 0) return {};
    const heads = await Promise.all(
      [...queues].map(async (queue) => [queue, await Promise.race([asker.head(queue), late])] as const),
    );
    return { heads: Object.fromEntries(heads.flatMap(([queue, head]) => (head ? [[queue, head] as const] : []))) };
  };
  const { publicBrokers } = evidence;
  const [broker, publicHeads] = await Promise.all([headsAt(chain.broker, announcements), eachOf(ofPublic, headsAt)]);
  const withTheirs = Object.entries(publicBrokers).map(([name, one]) => [name, { ...one, ...publicHeads[name] }]);
  return {
    ...evidence,
    broker: { ...evidence.broker, ...broker },
    publicBrokers: Object.fromEntries(withTheirs),
  };
}

interface Deadlines {
  readonly firstMs: number;
  /** Measured from now. */
  secondMs(): number;
}

function deadlinesOf(withinMs: number | undefined): Deadlines {
  if (withinMs === undefined) return { firstMs: hostDeadlineMs, secondMs: () => hostDeadlineMs };
  const endMs = performance.now() + withinMs;
  return {
    firstMs: Math.round(withinMs * (1 - secondQuestionShare)),
    secondMs: () => Math.max(1, Math.round(endMs - performance.now())),
  };
}

interface Asking {
  readonly chain: Chain;
  readonly reach: Hosts;
  readonly withMetrics: boolean;
  readonly withFetches: boolean;
  readonly deadlines: Deadlines;
}

type Answer = HostEvidence | Unreachable;

/** Asks each host for its state. With fetches, each host is then asked to fetch a product from its servers, once those have reported their products. */
async function askHosts(asking: Asking): Promise<Record<string, Answer>> {
  const { chain, reach, withMetrics, withFetches, deadlines } = asking;
  const first = new Map(
    chain.hosts.map(({ name }): [string, Promise<Answer>] => {
      const read = (answer: string) => parseHost(chain, name, answer);
      return [name, reach.ask(name, hostQuestion(chain, name, withMetrics), read, deadlines.firstMs)];
    }),
  );
  const complete = [...first].map(async ([name, answer]): Promise<[string, Answer]> => {
    const host = await answer;
    if (!withFetches || "unreachable" in host) return [name, host];
    const [again, ends] = await Promise.all([askAgain(asking, name, host, first), askEnds(asking, name, host)]);
    return [name, { ...again, ...ends }];
  });
  return Object.fromEntries(await Promise.all(complete));
}

/** The last output of crash-looping programs; empty if the host does not answer. */
async function askEnds({ chain, reach, deadlines }: Asking, name: string, host: HostEvidence) {
  const loops = crashLoops(chain, name, host);
  if (loops.length === 0) return {};
  const read = (answer: string) => parseEnds(loops, answer);
  const ends = await reach.ask(name, endsQuestion(loops), read, deadlines.secondMs());
  return "unreachable" in ends ? {} : { ends };
}

/** What a host can fetch and, on px, whether it can log in to deliver. */
async function askAgain(
  { chain, reach, deadlines }: Asking,
  name: string,
  host: HostEvidence,
  first: ReadonlyMap<string, Promise<Answer>>,
): Promise<Answer> {
  const servers = serversOf(chain, name);
  const wanted = (
    await Promise.all(
      servers.map(async (from) => {
        const answer = await first.get(from);
        const product = answer && !("unreachable" in answer) ? completeProduct(answer) : undefined;
        return product ? [{ from, product }] : [];
      }),
    )
  ).flat();
  const logins = roadsFrom(chain, name).flatMap(({ login, server }) => (login ? { ...login, server } : []));
  if (servers.length === 0 && logins.length === 0) return host;
  const timeoutMs = deadlines.secondMs();
  const seconds = tenths(Math.max(0.1, Math.min(fetchSecondsMost, (timeoutMs - roundTripMs) / 1000)));
  const paths = wanted.map(({ from, product }): Wanted => ({ from, path: urlPath(chain, from, product) }));
  const question = fetchQuestion(paths, seconds, logins);
  const read = (answer: string) => {
    const fetched = parseFetches(answer);
    const results = parseLogins(
      answer,
      logins.map(({ server }) => server),
    );
    return fetched && { fetched, logins: results };
  };
  const answers = await reach.ask(name, question, read, timeoutMs);
  if ("unreachable" in answers) return answers;
  const fetches = wanted.map((one, index) => ({ ...one, answer: answers.fetched[index] ?? { silent: "not asked" } }));
  return {
    ...host,
    ...(servers.length > 0 ? { fetches } : {}),
    ...(logins.length > 0 ? { logins: answers.logins } : {}),
  };
}

const tenths = (value: number): number => Math.round(value * 10) / 10;

/** Servers from which a host fetches: a puller from all radar servers, a client from its public data server, a server from itself. */
function serversOf(chain: Chain, name: string): readonly string[] {
  const { urps, pdses } = chain;
  const own = urps.includes(name) ? [name] : [];
  const radar = pdses.includes(name) ? urps : own;
  const road = roadAt(chain, name);
  return road ? [...radar, road.server] : radar;
}

function completeProduct({ newest = [], nowMs }: HostEvidence): ProductEvidence | undefined {
  return newest.find(({ modifiedMs }) => nowMs - modifiedMs >= completeAfterMs) ?? newest.at(-1);
}

const urlPath = (chain: Chain, from: string, { path }: ProductEvidence): string =>
  `${chain.urps.includes(from) ? chain.productUrlPath : "/"}${escapePath(path)}`;
