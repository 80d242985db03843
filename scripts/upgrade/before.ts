import { awaitNoLack, lackOf } from "../lib/wholeness.ts";
import { openLooker } from "../runbook/look.ts";
import { queuesHolding } from "./drain.ts";
import type { Move } from "./move.ts";

/** A look that comes at a bad moment is no finding. */
const wholeWithinMs = 20_000;

/** What is wrong before anything is done: the cluster that works has to be whole, the one beside it holds nothing that would be mixed with what comes. */
export async function findingsBefore({ stack, from, to, record, signal }: Move): Promise<string[]> {
  const looker = await openLooker(stack);
  try {
    const lack = await awaitNoLack(
      () => looker.look({ withMetrics: false, withFetches: false }),
      (evidence) => lackOf(evidence),
      { withinMs: wholeWithinMs, signal, onLack: () => {} },
    );
    const lacks = lack ? [`${lack.host}, ${lack.step}: ${lack.evidence}\n  remedy: ${lack.remedy}`] : [];
    return [...lacks, ...(record.isReturn ? [] : await heldBefore())];
  } finally {
    looker.close();
  }

  /** A cluster that is not built yet doesn't answer. */
  async function heldBefore(): Promise<string[]> {
    const held = await queuesHolding(to).catch(() => []);
    if (held.length === 0) return [];
    return [
      `${to.cluster.name} holds messages: ${held.join(", ")}\n  remedy: is it the right cluster? ${from.cluster.name} works; take them out first`,
    ];
  }
}
