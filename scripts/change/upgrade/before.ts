import { awaitWhole, describeLack, findingWithinMs } from "../../inspect/wholeness.ts";
import { queuesHolding } from "./drain.ts";
import type { Move } from "./move.ts";

/** What is wrong before anything is done: the cluster that works has to be whole, the one beside it holds nothing that would be mixed with what comes. */
export async function findingsBefore({ stack, from, to, record, signal }: Move): Promise<string[]> {
  const lack = await awaitWhole(stack, { withinMs: findingWithinMs, signal, onLack: () => {} });
  const lacks = lack ? [`${describeLack(lack)}\n  remedy: ${lack.remedy}`] : [];
  return [...lacks, ...(record.isReturn ? [] : await heldBefore())];

  /** A cluster that is not built yet doesn't answer. */
  async function heldBefore(): Promise<string[]> {
    const held = await queuesHolding(to).catch(() => []);
    if (held.length === 0) return [];
    return [
      `${to.cluster.name} holds messages: ${held.join(", ")}\n  remedy: is it the right cluster? ${from.cluster.name} works; take them out first`,
    ];
  }
}
