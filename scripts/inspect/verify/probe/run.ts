import { randomBytes } from "node:crypto";
import { logEvents } from "../../../../agents/lib/log-events.ts";
import type { Hosts } from "../../../../infra/hosts/connect.ts";
import { deliveryName } from "../../../../infra/model/delivery.ts";
import { poll } from "../../../lib/poll.ts";
import { type Chain, chainHostOf, type PublicRoad } from "../../snapshot/chain.ts";
import { type Evidence, holdersOf } from "../../snapshot/evidence.ts";
import { parseTrace, traceQuestion } from "../../trace/trace.ts";
import type { Verification } from "../judge.ts";
import {
  type Hop,
  type HopName,
  hasArrived,
  missingHops,
  type ProbedRoad,
  type ProbeResult,
  resultOf,
} from "./hops.ts";
import { type MarkedProduct, markOf, publicProduct, radarProduct } from "./product.ts";
import { cleanQuestion, marked, markedQuestion, putAt, putQuestion } from "./questions.ts";

/** How often each host is asked until the product has arrived or the time is over. */
const askEveryMs = 200;
const answerWithinMs = 5000;
/** How long hops of an arrived product are asked for that no host has reported yet. */
const lateMs = 2000;
/** How far back the agents' journals are read. */
const sinceSeconds = 600;

/** One path, and how to probe it. */
interface Probed extends ProbedRoad {
  /** Hosts and roots to which the product is written. */
  readonly from: readonly (readonly [host: string, root: string])[];
  readonly put: MarkedProduct;
  readonly first: HopName;
  readonly asked: readonly string[];
  readonly ask: (host: string) => { readonly question: string; readonly read: (answer: string) => Hop[] | undefined };
  /** Folders from which the product is removed again, by host. */
  readonly cleaned: readonly (readonly [host: string, roots: readonly string[]])[];
}

export interface ProbeOptions {
  readonly withinSeconds: number;
  readonly publicName: string;
  /** Rules of px's senders, by name. */
  readonly rules: Readonly<Record<string, Rules>>;
}

type Rules = Parameters<typeof publicProduct>[2];

/**
 * Sends a marked product along each path of the stack at the same time; on the public data server path one for each sender that accepts its name.
 *
 * @throws UserError if the rules of all px's senders refuse its name
 */
export async function probe(evidence: Evidence, reach: Hosts, options: ProbeOptions): Promise<ProbeResult[]> {
  const roads = [radarRoad(evidence, newMark()) ?? [], publicRoads(evidence.chain, options)].flat();
  return Promise.all(roads.map((road) => follow(road, reach, options.withinSeconds)));
}

const newMark = (): string => markOf(randomBytes(3).toString("hex"));

function publicRoads(chain: Chain, { rules, publicName }: ProbeOptions): Probed[] {
  const delivering = chain.publicRoads.filter(({ pxes }) => pxes.length > 0);
  if (delivering.length === 0) return [];
  return Object.entries(senderProducts(rules, publicName)).flatMap(([sender, put]) => {
    const road = delivering.find(({ deliveries }) => deliveries.includes(deliveryName(sender)));
    return road ? publicRoad(chain, { road, px: road.pxes[0] ?? "", sender, put }) : [];
  });
}

/** A product for each sender whose rules accept its name. Pure except for random marks. @throws UserError if none does */
export function senderProducts(rules: ProbeOptions["rules"], publicName: string): Record<string, MarkedProduct> {
  const products: Record<string, MarkedProduct> = {};
  let refusal: unknown;
  for (const [sender, its] of Object.entries(rules)) {
    try {
      products[sender] = publicProduct(newMark(), new Date(), its, publicName);
    } catch (error) {
      refusal = error;
    }
  }
  if (refusal !== undefined && Object.keys(products).length === 0) throw refusal;
  return products;
}

function radarRoad(evidence: Evidence, mark: string): Probed | undefined {
  const { chain } = evidence;
  const { urps, dispatchers, pdses, members, productRoot } = chain;
  if (urps.length === 0 || pdses.length === 0) return undefined;
  const put = radarProduct(mark, new Date());
  const owner: Partial<Record<HopName, string | undefined>> = {
    announced: urps[0],
    dispatched: holdersOf(evidence)[0] ?? members[0],
    pulled: pdses[0],
  };
  const hopOf: Readonly<Record<string, HopName>> = { announced: "announced", sent: "dispatched", placed: "pulled" };
  return {
    ...{ road: "radar", product: put.file, put, first: "made", last: "pulled", ends: pdses, all: false },
    from: urps.map((host) => [host, productRoot] as const),
    asked: [...new Set([...urps, ...dispatchers, ...pdses])],
    hostOf: (hop) => owner[hop] ?? urps[0] ?? "",
    ask: (host) => ({
      question: traceQuestion(chain, host, put.traced, sinceSeconds),
      read: (answer) =>
        parseTrace(host, put.traced, answer)?.flatMap(({ event = "", atMs }): Hop[] => {
          const hop = hopOf[event];
          return hop ? [{ hop, host, atMs }] : [];
        }),
    }),
    cleaned: [
      ...urps.map((host) => [host, [productRoot]] as const),
      ...pdses.map((host) => [host, [chain.receiverDirectory]] as const),
    ],
  };
}

interface PublicProbe {
  readonly road: PublicRoad;
  readonly px: string;
  readonly sender: string;
  readonly put: MarkedProduct;
}

function publicRoad(chain: Chain, { road, px, sender, put }: PublicProbe): Probed {
  const { clients, server, queueDirectories } = road;
  const delivery = deliveryName(sender);
  const owner: Partial<Record<HopName, string | undefined>> = { fetched: clients[0] };
  const hopOf: Readonly<Record<string, HopName>> = {
    [delivery]: "delivered",
    [road.notifier]: "announced",
    subscriber: "fetched",
  };
  const ends = clients.length > 0 ? clients : [px];
  return {
    ...{ road: "public", sender, product: put.file, put, first: "given", ends, all: true },
    last: clients.length > 0 ? "fetched" : "announced",
    from: [[px, queueDirectories[delivery] ?? ""]],
    asked: [px, ...clients],
    hostOf: (hop) => owner[hop] ?? px,
    ask: (host) => ({
      question: markedQuestion(unitsOf(chain, host), put.mark),
      read: (answer) =>
        marked(host, answer)?.flatMap(({ unit, event, text, atMs }): Hop[] => {
          const hop = hopOf[unit];
          // The subscriber is an ordinary client and logs no event names.
          const isDone = unit === "subscriber" ? text.startsWith("got ") : event === logEvents.delivered;
          return hop && isDone ? [{ hop, host: hop === "delivered" ? server : host, atMs }] : [];
        }),
    }),
    cleaned: [[server, [road.productRoot]], ...clients.map((host) => [host, [road.clientDirectory]] as const)],
  };
}

function unitsOf(chain: Chain, name: string): string[] {
  const { agents, units } = chainHostOf(chain, name);
  return [...agents.map(({ unit }) => unit), ...units.filter((unit) => unit.startsWith("warren-"))];
}

async function follow(road: Probed, reach: Hosts, withinSeconds: number): Promise<ProbeResult> {
  const deadlineMs = performance.now() + withinSeconds * 1000;
  const began = await Promise.all(
    road.from.map(async ([host, root]): Promise<Hop[]> => {
      const answer = await reach.ask(
        host,
        putQuestion(root, road.put),
        (text) => ({ atMs: putAt(text) }),
        answerWithinMs,
      );
      const atMs = "unreachable" in answer ? undefined : answer.atMs;
      return atMs === undefined ? [] : [{ hop: road.first, host, atMs }];
    }),
  );
  let hops = began.flat();
  const seen = new Map<string, readonly Hop[]>();
  const askOne = async (host: string): Promise<void> => {
    const { question, read } = road.ask(host);
    const answer = await reach.ask(host, question, (text) => wrap(read(text)), answerWithinMs);
    if (!("unreachable" in answer)) seen.set(host, answer.hops);
  };
  const arrives = async () => {
    await Promise.all(road.asked.map(askOne));
    hops = [...began.flat(), ...[...seen.values()].flat()];
    return hasArrived(road, hops);
  };
  if (hops.length > 0) await poll(arrives, { everyMs: askEveryMs, withinMs: deadlineMs - performance.now() });
  const arrived = hasArrived(road, hops);
  // A host that was asked a moment before the others knew nothing yet.
  const complete = async () => (await arrives()) && missingHops(road, hops).length === 0;
  if (arrived && missingHops(road, hops).length > 0) await poll(complete, { everyMs: askEveryMs, withinMs: lateMs });
  const where = [...new Set(began.flat().map(({ host }) => host))];
  if (arrived) await clean(road, reach);
  return resultOf(road, hops, withinSeconds, arrived ? [] : where);
}

const wrap = (hops: Hop[] | undefined) => hops && { hops };

/** Agents no longer ask for a product that has arrived; public clients may, and fail. A host that doesn't answer keeps its copy. */
async function clean({ cleaned, put }: Probed, reach: Hosts): Promise<void> {
  await Promise.all(
    cleaned.map(([host, roots]) =>
      reach.ask(host, cleanQuestion(roots, put), (answer) => ({ answer }), answerWithinMs),
    ),
  );
}

/** Adds a stopped probe as a broken link; it comes first only if no step is broken. Pure. */
export function withProbes(found: Verification, probes: readonly ProbeResult[], stack: string): Verification {
  const [stopped] = probes.flatMap((one) => (one.stopped ? [{ ...one.stopped, product: one.product }] : []));
  if (!stopped) return found;
  const { host, hop, evidence, product } = stopped;
  const link = {
    ...{ host, id: `probe-is-${hop}` as const, step: `probe is ${hop}`, evidence: `${product}: ${evidence}` },
    remedy: `./warren trace '${product}' -s ${stack}; ./warren logs -s ${stack} --host ${host} --since 600`,
  };
  return { ...found, ok: false, firstBroken: found.firstBroken ?? link };
}
