import { readFileSync } from "node:fs";
import { ancestors, startedTicks } from "./process-stat.ts";

/**
 * Identifies the engine's process above this one, by number and start time. The preview and the update of one `pulumi up` get the same value.
 *
 * @returns undefined where it can't be found
 */
export function engineProcess(): string | undefined {
  const pid = ancestors().find((one) => commandOf(one) === "pulumi");
  return pid === undefined ? undefined : `${pid} ${startedTicks(pid)}`;
}

function commandOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trimEnd();
  } catch {
    // The process has ended, or is another user's behind hidepid.
    return undefined;
  }
}
