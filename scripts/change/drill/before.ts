import { UserError } from "../../../agents/lib/errors.ts";
import { awaitNoProblem, findingWithinMs, type Problem, problemOf } from "../../inspect/health.ts";
import { type Evidence, holdersOf } from "../../inspect/snapshot/evidence.ts";
import type { Observer } from "../../inspect/snapshot/snapshot.ts";
import { verify } from "../../inspect/verify/judge.ts";
import type { System } from "../runbook.ts";
import type { DrillKind } from "./kinds.ts";
import { type Broken, brokenOf, brokenSince } from "./report.ts";

/** @throws UserError if the stack does not have what the drill breaks */
export function requireDrillable(kind: DrillKind, stack: string, { observer, broker }: System): void {
  const { chain } = observer;
  if (!chain.vip || chain.members.length < 2) {
    const remedy = "drills need a cluster of at least two members with a virtual IP";
    throw new UserError(`stack ${stack}`, "has no virtual IP that can move to another host", remedy);
  }
  if (kind.name !== "partition" || broker.firewall) return;
  const remedy = "set `firewall: true` for the broker, which installs it";
  throw new UserError("drill partition", "the members do not have nftables", remedy);
}

/** @throws UserError if the drill can't be run on this host, or there are too few such hosts */
export function targetOf(kind: DrillKind, evidence: Evidence, wanted: string | undefined): string {
  const targets = kind.targets(evidence);
  const [first] = targets;
  if (first === undefined || targets.length < kind.hostsLeast) {
    const found = targets.length > 0 ? targets.join(", ") : "none";
    throw new UserError(
      `drill ${kind.name}`,
      `needs at least ${kind.hostsLeast} such hosts, found ${found}`,
      "choose another drill",
    );
  }
  if (wanted === undefined || targets.includes(wanted)) return wanted ?? first;
  throw new UserError(`drill ${kind.name}`, `can't be run on ${wanted}`, `choose one of ${targets.join(", ")}`);
}

interface Before {
  readonly evidence: Evidence;
  /** A problem that a drill would make worse. */
  readonly problem: Problem | undefined;
  readonly holder: string | undefined;
  /** What `verify` finds in the same snapshot. */
  readonly before: readonly Broken[];
}

export async function checkBefore(observer: Observer, kind: DrillKind): Promise<Before> {
  let evidence: Evidence | undefined;
  const snapshot = async () => {
    evidence = await observer.snapshot(fullSnapshot);
    return evidence;
  };
  const judge = (seen: Evidence) => problemOf(seen, { hosts: kind.needs(observer.chain) });
  const problem = await awaitNoProblem(snapshot, judge, { withinMs: findingWithinMs, onProblem: () => {} });
  if (!evidence) throw new TypeError("no snapshot was taken");
  return { evidence, problem, holder: holdersOf(evidence)[0], before: brokenIn(evidence) };
}

const fullSnapshot = { withMetrics: false, withFetches: true };

const brokenIn = (evidence: Evidence): Broken[] =>
  brokenOf(verify(evidence, { productAgeSeconds: evidence.chain.silenceSeconds }));

export async function verifyAfter(observer: Observer, before: readonly Broken[]): Promise<Broken[]> {
  const deadlineMs = performance.now() + findingWithinMs;
  for (;;) {
    const after = brokenIn(await observer.snapshot(fullSnapshot));
    if (brokenSince(before, after).length === 0 || performance.now() > deadlineMs) return after;
  }
}
