import { setTimeout as sleep } from "node:timers/promises";
import { escapePath } from "../../../agents/lib/announcement.ts";
import type { StackConfig } from "../../../infra/config/index.ts";
import type { Unreachable } from "../../../infra/hosts/ask.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import { openHosts } from "../../engine/hosts.ts";
import { readCommittedConfig, readStackConfig } from "../../engine/stack-config.ts";
import { type BrokerAsker, openBrokerAsker } from "./ask-broker.ts";
import { type Chain, chainOf } from "./chain.ts";
import { type Evidence, type HostEvidence, hostEvidence, type ProductEvidence } from "./evidence.ts";
import { parseFetches, parseHost, parseLogin } from "./host-answer.ts";
import { fetchQuestion, hostQuestion, type Wanted } from "./question.ts";
import { crashLoops, endsQuestion, parseEnds } from "./restarts.ts";

/**
 * Milliseconds for one host's answer: one that works gives it in less than one, with much to do in a few. ssh gives a dead one up sooner, after
 * `dialTimeoutSeconds`, or four seconds where a connection is open.
 */
const hostDeadlineMs = 8000;
/** Seconds for one product, from each radar server to each puller. */
const fetchSecondsMost = 3;
/** A product younger than this may be in the writing: another one is fetched. */
const completeAfterMs = 2000;
/** So much of the time is for the second question: what is fetched is known from the first. */
const secondQuestionShare = 0.25;

export interface SnapshotOptions {
  readonly withMetrics: boolean;
  /** Whether products are fetched, and what agents that keep ending choke on is looked at. */
  readonly withFetches: boolean;
  /** Milliseconds for all of it: what has not answered by then is silent. Unless given each host has `hostDeadlineMs` for each question. */
  readonly withinMs?: number;
}

/** Of all hosts and brokers, but without what takes a second question or much to read. */
export const bareSnapshot: SnapshotOptions = { withMetrics: false, withFetches: false };

/** Brokers have this at least, however long it took here to read their password. */
const brokerMsLeast = 1000;
/** The same for the head of a queue. */
const headMsLeast = 300;

/** For the words of a question and of its answer, by a connection that is open. */
const roundTripMs = 300;

/** A stack that can be looked at, again and again. */
export interface Observer {
  readonly chain: Chain;
  readonly reach: Hosts;
  look(options: SnapshotOptions): Promise<Evidence>;
  close(): void;
}

/**
 * Ready to look at a stack. Hosts are known from the stack file alone, so they are asked while the engine still decrypts the password that the
 * brokers are asked with.
 *
 * @param as the config that it is looked at by, where that is another one than the stack file's
 * @throws UserError or ConfigError where the stack can't be read
 */
export async function openObserver(
  stack: string,
  as: (config: StackConfig) => StackConfig = (config) => config,
): Promise<Observer> {
  const committed = as(readCommittedConfig(stack));
  const chain = chainOf(stack, committed);
  const brokers = readStackConfig(stack).then((config) => openBrokers(chain, as(config)));
  // Until somebody looks, an error has nobody who hears it.
  brokers.catch(() => {});
  const reach = await openHosts(stack, committed);
  return {
    chain,
    reach,
    look: (options) => takeSnapshot(chain, reach, brokers, options),
    close: () => void brokers.then((all) => all.close()).catch(() => {}),
  };
}

interface Brokers {
  readonly announcements: BrokerAsker;
  readonly toPublic: BrokerAsker | undefined;
  close(): void;
}

async function openBrokers(chain: Chain, config: StackConfig): Promise<Brokers> {
  const { publicRoad } = chain;
  const announcements = await openBrokerAsker(chain, chain.broker, chain.members, config);
  const toPublic = publicRoad && (await openBrokerAsker(chain, publicRoad.broker, [publicRoad.server], config));
  return {
    ...{ announcements, toPublic },
    close: () => {
      announcements.close();
      toPublic?.close();
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
  const [hosts, [broker, publicBroker]] = await Promise.all([
    askHosts({ chain, reach, withMetrics, withFetches, deadlines }),
    brokers.then(({ announcements, toPublic }) => {
      const leftMs = withinMs === undefined ? undefined : Math.max(brokerMsLeast, deadlines.secondMs());
      return Promise.all([announcements.ask(leftMs), toPublic?.ask(leftMs)]);
    }),
  ]);
  const evidence = { chain, hosts, broker, ...(publicBroker ? { publicBroker } : {}) };
  return withFetches ? withHeads(evidence, await brokers, deadlines.secondMs()) : evidence;
}

/** Looks at what agents that keep ending would take next: there, it is given out again and again in any case. */
async function withHeads(
  evidence: Evidence,
  { announcements, toPublic }: Brokers,
  withinMs: number,
): Promise<Evidence> {
  const { chain } = evidence;
  const taken = chain.hosts.flatMap(({ name }) => {
    const host = hostEvidence(evidence, name);
    return host ? crashLoops(chain, name, host).flatMap(({ place }) => place.takes ?? []) : [];
  });
  const late = sleep(Math.max(headMsLeast, withinMs), { silent: "no answer in time" }, { ref: false });
  const headsAt = async (broker: string | undefined, asker: BrokerAsker | undefined) => {
    const queues = new Set(taken.flatMap((one) => (one.broker === broker ? one.queues : [])));
    if (!asker || queues.size === 0) return {};
    const heads = await Promise.all(
      [...queues].map(async (queue) => [queue, await Promise.race([asker.head(queue), late])] as const),
    );
    return { heads: Object.fromEntries(heads.flatMap(([queue, head]) => (head ? [[queue, head] as const] : []))) };
  };
  const { publicBroker } = evidence;
  const [broker, ofPublic] = await Promise.all([
    headsAt(chain.broker, announcements),
    headsAt(chain.publicRoad?.broker, toPublic),
  ]);
  return {
    ...evidence,
    broker: { ...evidence.broker, ...broker },
    ...(publicBroker ? { publicBroker: { ...publicBroker, ...ofPublic } } : {}),
  };
}

interface Deadlines {
  readonly firstMs: number;
  /** From now on. */
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

/** Each host is asked what it has; then, where products are to be fetched, for one of each server that it fetches from, as soon as those have said theirs. */
async function askHosts(asking: Asking): Promise<Record<string, Answer>> {
  const { chain, reach, withMetrics, withFetches, deadlines } = asking;
  const first = new Map(
    chain.hosts.map(({ name }): [string, Promise<Answer>] => {
      const read = (answer: string) => parseHost(chain, name, answer);
      return [name, reach.ask(name, hostQuestion(chain, name, withMetrics), read, deadlines.firstMs)];
    }),
  );
  const whole = [...first].map(async ([name, answer]): Promise<[string, Answer]> => {
    const host = await answer;
    if (!withFetches || "unreachable" in host) return [name, host];
    const [again, ends] = await Promise.all([askAgain(asking, name, host, first), askEnds(asking, name, host)]);
    return [name, { ...again, ...ends }];
  });
  return Object.fromEntries(await Promise.all(whole));
}

/** What programs that keep ending wrote before they did. Without an answer there is nothing of it to be told. */
async function askEnds({ chain, reach, deadlines }: Asking, name: string, host: HostEvidence) {
  const loops = crashLoops(chain, name, host);
  if (loops.length === 0) return {};
  const read = (answer: string) => parseEnds(loops, answer);
  const ends = await reach.ask(name, endsQuestion(loops), read, deadlines.secondMs());
  return "unreachable" in ends ? {} : { ends };
}

/** What a host can fetch, and, of px, whether it may deliver. */
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
  const { publicRoad } = chain;
  const login =
    publicRoad?.pxes.includes(name) && publicRoad.login
      ? { ...publicRoad.login, server: publicRoad.server }
      : undefined;
  if (servers.length === 0 && !login) return host;
  const timeoutMs = deadlines.secondMs();
  const seconds = tenths(Math.max(0.1, Math.min(fetchSecondsMost, (timeoutMs - roundTripMs) / 1000)));
  const paths = wanted.map(({ from, product }): Wanted => ({ from, path: urlPath(chain, from, product) }));
  const question = fetchQuestion(paths, seconds, login);
  const read = (answer: string) => {
    const fetched = parseFetches(answer);
    return fetched && { fetched, login: parseLogin(answer) };
  };
  const answers = await reach.ask(name, question, read, timeoutMs);
  if ("unreachable" in answers) return answers;
  const fetches = wanted.map((one, index) => ({ ...one, answer: answers.fetched[index] ?? { silent: "not asked" } }));
  return { ...host, ...(servers.length > 0 ? { fetches } : {}), ...(answers.login ? { login: answers.login } : {}) };
}

const tenths = (value: number): number => Math.round(value * 10) / 10;

/** Of whom a host fetches: a puller of all radar servers, a client of the public one, a server of itself. */
function serversOf({ urps, pdses, publicRoad }: Chain, name: string): readonly string[] {
  const own = urps.includes(name) ? [name] : [];
  const radar = pdses.includes(name) ? urps : own;
  const isPublic = publicRoad && (publicRoad.server === name || publicRoad.clients.includes(name));
  return isPublic ? [...radar, publicRoad.server] : radar;
}

function completeProduct({ newest = [], nowMs }: HostEvidence): ProductEvidence | undefined {
  return newest.find(({ modifiedMs }) => nowMs - modifiedMs >= completeAfterMs) ?? newest.at(-1);
}

const urlPath = (chain: Chain, from: string, { path }: ProductEvidence): string =>
  `${chain.urps.includes(from) ? chain.productUrlPath : "/"}${escapePath(path)}`;
