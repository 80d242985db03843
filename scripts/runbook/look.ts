import { escapePath } from "../../agents/lib/announcement.ts";
import type { Unreachable } from "../../infra/observe/observation.ts";
import { readCommittedConfig, readStackConfig } from "../lib/stack.ts";
import { type BrokerAsker, openBrokerAsker } from "./ask-broker.ts";
import { type Chain, chainOf } from "./chain.ts";
import type { BrokerEvidence, Evidence, HostEvidence, ProductEvidence } from "./evidence.ts";
import { parseFetches, parseHost } from "./host-answer.ts";
import { fetchQuestion, hostQuestion, type Wanted } from "./question.ts";
import { openReach, type Reach } from "./reach.ts";

/**
 * Milliseconds for one host's answer: one that works gives it in less than one, with much to do in a few. ssh gives a dead one up sooner, after
 * `dialTimeoutSeconds`, or four seconds where a connection is open.
 */
const hostDeadlineMs = 8000;
/** Seconds for one product, from each radar server to each puller. */
const fetchSeconds = 3;
/** A product younger than this may be in the writing: another one is fetched. */
const wholeAfterMs = 2000;

export interface LookOptions {
  readonly withMetrics: boolean;
  /** Whether products are fetched. */
  readonly withFetches: boolean;
}

/** A stack that can be looked at, again and again. */
export interface Looker {
  readonly chain: Chain;
  look(options: LookOptions): Promise<Evidence>;
  close(): void;
}

/**
 * Ready to look at a stack. Hosts are known from the stack file alone, so they are asked while the engine still decrypts the password that the
 * brokers are asked with.
 *
 * @throws UserError or ConfigError where the stack can't be read
 */
export async function openLooker(stack: string): Promise<Looker> {
  const committed = readCommittedConfig(stack);
  const chain = chainOf(stack, committed);
  const broker = readStackConfig(stack).then((config) => openBrokerAsker(chain, config));
  // Until somebody looks, an error has nobody who hears it.
  broker.catch(() => {});
  const reach = await openReach(stack, committed);
  return {
    chain,
    look: (options) => lookAt(chain, reach, broker, options),
    close: () => void broker.then((asker) => asker.close()).catch(() => {}),
  };
}

async function lookAt(
  chain: Chain,
  reach: Reach,
  broker: Promise<BrokerAsker>,
  { withMetrics, withFetches }: LookOptions,
): Promise<Evidence> {
  const [hosts, brokerEvidence] = await Promise.all([
    askHosts(chain, reach, withMetrics).then((found) => (withFetches ? fetchProducts(chain, reach, found) : found)),
    broker.then((asker): Promise<BrokerEvidence> => asker.ask()),
  ]);
  return { chain, hosts: Object.fromEntries(hosts), broker: brokerEvidence };
}

type Found = ReadonlyMap<string, HostEvidence | Unreachable>;

async function askHosts(chain: Chain, reach: Reach, withMetrics: boolean): Promise<Found> {
  return new Map(
    await Promise.all(
      chain.hosts.map(async ({ name }) => {
        const question = hostQuestion(chain, name, withMetrics);
        const read = (answer: string) => parseHost(chain, name, answer);
        return [name, await reach.ask(name, question, read, hostDeadlineMs)] as const;
      }),
    ),
  );
}

/** Each radar server's newest product, fetched on the server itself and on each puller's host. */
async function fetchProducts(chain: Chain, reach: Reach, found: Found): Promise<Found> {
  const newest = chain.urps.flatMap((from) => {
    const host = found.get(from);
    const product = host && !("unreachable" in host) ? wholeProduct(host) : undefined;
    return product ? [{ from, product }] : [];
  });
  const fetched = await Promise.all(
    [...found].map(async ([name, host]) => {
      const wanted = newest.filter(({ from }) => chain.pdses.includes(name) || from === name);
      if ("unreachable" in host || wanted.length === 0) return [name, host] as const;
      const paths = wanted.map(({ from, product }): Wanted => ({ from, path: urlPath(chain, product) }));
      const answers = await reach.ask(name, fetchQuestion(paths, fetchSeconds), parseFetches, hostDeadlineMs);
      if ("unreachable" in answers) return [name, answers] as const;
      const fetches = wanted.map((one, index) => ({ ...one, answer: answers[index] ?? { silent: "not asked" } }));
      return [name, { ...host, fetches }] as const;
    }),
  );
  return new Map<string, HostEvidence | Unreachable>(fetched);
}

function wholeProduct({ newest = [], nowMs }: HostEvidence): ProductEvidence | undefined {
  return newest.find(({ modifiedMs }) => nowMs - modifiedMs >= wholeAfterMs) ?? newest.at(-1);
}

const urlPath = (chain: Chain, { path }: ProductEvidence): string => `${chain.productUrlPath}${escapePath(path)}`;
