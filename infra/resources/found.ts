import { run } from "../commands/command.ts";
import type { Step } from "./step.ts";

/**
 * A step that stands for something that was on the host before warren. It is never taken off again: warren didn't put it there. The first time it
 * is only recorded, where the host is as the step wants it.
 *
 * @param asFound not made before, and observed without a difference
 */
export function foundStep(step: Step, asFound: boolean): Step {
  return { ...step, remove: undefined, ...(asFound ? { create: run("true") } : {}) };
}
