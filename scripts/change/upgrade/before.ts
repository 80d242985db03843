import { awaitHealthy, findingWithinMs } from "../../inspect/health.ts";
import { remedied } from "../runbook.ts";
import { queuesHolding } from "./drain.ts";
import type { Move } from "./move.ts";

/** Problems before anything is done: the active cluster must be healthy, and the other one must not hold messages, which would mix with the new ones. */
export async function findingsBefore({ stack, from, to, record, signal }: Move): Promise<string[]> {
  const problem = await awaitHealthy(stack, { withinMs: findingWithinMs, signal, onProblem: () => {} });
  // A cluster that is not built yet does not answer.
  const held = record.isReturn ? [] : await queuesHolding(to).catch(() => []);
  const remedy = `check that this is the right cluster (${from.cluster.name} is the active one), and remove its messages first`;
  return [
    ...(problem ? [remedied(problem)] : []),
    ...(held.length > 0 ? [`${to.cluster.name} holds messages: ${held.join(", ")}\n  remedy: ${remedy}`] : []),
  ];
}
