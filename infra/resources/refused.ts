import { refuse } from "../commands/command.ts";
import type { Step } from "./step.ts";

/**
 * A step with an obstacle in its way fails with a message. Neither the obstacle nor what it points to is touched. Later steps on this host wait
 * for the next run; other hosts continue.
 *
 * @param obstacles sentences without a final dot, see `hostObstacles`
 */
export function refusedStep(host: string, step: Step, obstacles: readonly string[]): Step {
  const found = obstacles.map((obstacle) => `${host}: ${obstacle}`);
  const command = refuse(
    `${found.join("\n")}\nNothing was changed. Find out who made it, move it away or set it right, then run up again.`,
  );
  const { mends: _, ...rest } = step;
  return { ...rest, create: command, renew: command, repair: command };
}
