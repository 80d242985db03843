import { UserError } from "../../../agents/lib/errors.ts";
import { awaitNoProblem, findingWithinMs, type Problem, problemOf } from "../../inspect/health.ts";
import { type Evidence, holdersOf } from "../../inspect/snapshot/evidence.ts";
import type { Observer } from "../../inspect/snapshot/snapshot.ts";
import { verify } from "../../inspect/verify/judge.ts";
import type { System } from "../runbook.ts";
import type { DrillKind } from "./kinds.ts";
import { type Broken, brokenOf, brokenSince } from "./report.ts";

/** @throws UserError where the stack has nothing that could be broken so */
export function requireDrillable(kind: DrillKind, stack: string, { looker, broker }: System): void {
  const { chain } = looker;
  if (!chain.vip || chain.members.length < 2) {
    const remedy = "there is nothing to drill";
    throw new UserError(`stack ${stack}`, "has no virtual IP that could move to another host", remedy);
  }
  if (kind.name !== "partition" || broker.firewall) return;
  const remedy = "`firewall: true` of the broker brings them";
  throw new UserError("drill partition", "the members have no nftables", remedy);
}

/** @throws UserError where the host is none that it can be done to, or there are too few of such hosts */
export function targetOf(kind: DrillKind, evidence: Evidence, wanted: string | undefined): string {
  const targets = kind.targets(evidence);
  const [first] = targets;
  if (first === undefined || targets.length < kind.hostsLeast) {
    const found = targets.length > 0 ? targets.join(", ") : "none";
    throw new UserError(`drill ${kind.name}`, `takes ${kind.hostsLeast} such hosts, found ${found}`, "another kind");
  }
  if (wanted === undefined || targets.includes(wanted)) return wanted ?? first;
  throw new UserError(`drill ${kind.name}`, `can't be done to ${wanted}`, `one of ${targets.join(", ")}`);
}

interface Before {
  readonly evidence: Evidence;
  /** What is wrong that a drill would make worse. */
  readonly lack: Problem | undefined;
  readonly holder: string | undefined;
  /** What `verify` finds in the same look. */
  readonly before: readonly Broken[];
}

export async function checkBefore(looker: Observer, kind: DrillKind): Promise<Before> {
  let evidence: Evidence | undefined;
  const look = async () => {
    evidence = await looker.look(fullSnapshot);
    return evidence;
  };
  const judge = (seen: Evidence) => problemOf(seen, { hosts: kind.needs(looker.chain) });
  const lack = await awaitNoProblem(look, judge, { withinMs: findingWithinMs, onLack: () => {} });
  if (!evidence) throw new TypeError("nothing was looked at");
  return { evidence, lack, holder: holdersOf(evidence)[0], before: brokenIn(evidence) };
}

const fullSnapshot = { withMetrics: false, withFetches: true };

const brokenIn = (evidence: Evidence): Broken[] =>
  brokenOf(verify(evidence, { productAgeSeconds: evidence.chain.silenceSeconds }));

export async function verifyAfter(looker: Observer, before: readonly Broken[]): Promise<Broken[]> {
  const deadlineMs = performance.now() + findingWithinMs;
  for (;;) {
    const after = brokenIn(await looker.look(fullSnapshot));
    if (brokenSince(before, after).length === 0 || performance.now() > deadlineMs) return after;
  }
}
