import { refuse } from "../commands/command.ts";
import type { Step } from "./step.ts";

/**
 * A step that has something in its way fails, and says so: neither that nor what it points to is touched. What comes after the step on its host
 * waits for the next run; other hosts go on.
 *
 * @param obstacles whole sentences without their ends, see `hostObstacles`
 */
export function refusedStep(host: string, step: Step, obstacles: readonly string[]): Step {
  const found = obstacles.map((obstacle) => `${host}: ${obstacle}`);
  const command = refuse(
    `${found.join("\n")}\nNothing was changed. Find out who made it, move it away or set it right, then run up again.`,
  );
  const { mends: _, ...rest } = step;
  return { ...rest, create: command, renew: command, repair: command };
}
