import { run } from "../commands/command.ts";
import type { Step } from "./step.ts";

/**
 * A step for something that was on the host before warren. Warren never removes it. On the first run it is only recorded if the host matches
 * the step.
 *
 * @param asFound not recorded before, and observed without a difference
 */
export function foundStep(step: Step, asFound: boolean): Step {
  return { ...step, remove: undefined, ...(asFound ? { create: run("true") } : {}) };
}
