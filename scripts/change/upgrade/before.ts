import { awaitHealthy, findingWithinMs } from "../../inspect/health.ts";
import { remedied } from "../runbook.ts";
import { queuesHolding } from "./drain.ts";
import type { Move } from "./move.ts";

/** What is wrong before anything is done: the cluster that works has to be whole, the one beside it holds nothing that would be mixed with what comes. */
export async function findingsBefore({ stack, from, to, record, signal }: Move): Promise<string[]> {
  const lack = await awaitHealthy(stack, { withinMs: findingWithinMs, signal, onLack: () => {} });
  // A cluster that is not built yet doesn't answer.
  const held = record.isReturn ? [] : await queuesHolding(to).catch(() => []);
  const remedy = `is it the right cluster? ${from.cluster.name} works; take them out first`;
  return [
    ...(lack ? [remedied(lack)] : []),
    ...(held.length > 0 ? [`${to.cluster.name} holds messages: ${held.join(", ")}\n  remedy: ${remedy}`] : []),
  ];
}
