/** The hops of a product on each path, in order. */
export const hopsOf = {
  radar: ["made", "announced", "dispatched", "pulled"],
  public: ["given", "delivered", "announced", "fetched"],
} as const;

export type Road = keyof typeof hopsOf;
export type HopName = (typeof hopsOf)[Road][number];

/** A hop with its place and time, by that host's clock. */
export interface Hop {
  readonly hop: HopName;
  readonly host: string;
  readonly atMs: number;
}

/** The result of one marked product. */
export interface ProbeResult {
  readonly road: Road;
  /** The sender of px that delivers it; on the public data server path. */
  readonly sender?: string;
  readonly product: string;
  readonly arrived: boolean;
  /** By time. */
  readonly hops: readonly (Hop & { readonly afterMs: number })[];
  /** From the first hop to the last one, if it has arrived. */
  readonly totalMs?: number;
  /** The missing hop, if it has not arrived in time. */
  readonly stopped?: { readonly host: string; readonly hop: HopName; readonly evidence: string };
  /** Hosts on which it stays, because agents may still ask for it. */
  readonly left: readonly string[];
}

export interface ProbedRoad {
  readonly road: Road;
  readonly sender?: string;
  readonly product: string;
  /** Hosts of the last hop; `all`: it must reach all of them, otherwise one. */
  readonly ends: readonly string[];
  readonly all: boolean;
  /** The last hop; on a public data server path without clients it is the announcement. */
  readonly last: HopName;
  /** The host responsible for a hop that did not happen. */
  readonly hostOf: (hop: HopName) => string;
}

/** Whether the product has reached its destination. */
export function hasArrived(
  { ends, all, last }: Pick<ProbedRoad, "ends" | "all" | "last">,
  hops: readonly Hop[],
): boolean {
  const there = new Set(hops.filter(({ hop }) => hop === last).map(({ host }) => host));
  return all ? ends.every((host) => there.has(host)) : there.size > 0;
}

/** Hops up to the last one that no host has reported. */
export function missingHops({ road, last }: Pick<ProbedRoad, "road" | "last">, hops: readonly Hop[]): HopName[] {
  const order: readonly HopName[] = hopsOf[road];
  return order.slice(0, order.indexOf(last) + 1).filter((name) => !hops.some(({ hop }) => hop === name));
}

/** Each hop on a host counts once, at its first time. Pure. */
export function resultOf(
  road: ProbedRoad,
  seen: readonly Hop[],
  waitedSeconds: number,
  left: readonly string[],
): ProbeResult {
  const order: readonly HopName[] = hopsOf[road.road];
  const rank = ({ hop }: Hop) => order.indexOf(hop);
  const byTime = seen.toSorted((a, b) => a.atMs - b.atMs || rank(a) - rank(b));
  const once = [...new Map(byTime.toReversed().map((hop) => [`${hop.hop} ${hop.host}`, hop])).values()].toReversed();
  const beganMs = once[0]?.atMs ?? 0;
  const hops = once.map((hop) => ({ ...hop, afterMs: Math.round(hop.atMs - beganMs) }));
  const arrived = hasArrived(road, hops);
  const { sender, product } = road;
  const facts = { road: road.road, ...(sender === undefined ? {} : { sender }), product, arrived, hops, left };
  if (arrived) {
    const last = hops.filter(({ hop }) => hop === road.last);
    const times = last.map(({ afterMs }) => afterMs);
    return { ...facts, totalMs: road.all ? Math.max(...times) : Math.min(...times) };
  }
  const reached = Math.max(-1, ...hops.map(rank));
  const hop = order[Math.min(reached + 1, order.indexOf(road.last))] ?? road.last;
  const missing = road.ends.find((host) => !hops.some((one) => one.hop === road.last && one.host === host));
  const before = order[reached];
  const evidence = `${before === undefined ? "it could not be written where products are made" : `${before}, but not ${hop}`} within ${waitedSeconds} s`;
  const host = hop === road.last && road.all && missing !== undefined ? missing : road.hostOf(hop);
  return { ...facts, stopped: { host, hop, evidence } };
}
