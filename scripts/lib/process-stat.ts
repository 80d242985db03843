import { readFileSync } from "node:fs";

/**
 * What the kernel tells of a process or a thread in one line, after the program's name, which may hold anything: the state first, which is field 3 of
 * proc(5), so field N is at N - 3. Undefined where there is none.
 *
 * @param place under /proc: `PID`, or `PID/task/TID`
 */
export function processStat(place: number | string): readonly string[] | undefined {
  try {
    const line = readFileSync(`/proc/${place}/stat`, "latin1");
    return line.slice(line.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** False for a process that has ended, also while its parent has not looked at it yet. */
export const isAlive = (pid: number): boolean => startedTicks(pid) !== undefined;

const startedField = 22;

/** When a process started, in the kernel's ticks of 1/100 s after its own start; undefined of one that has ended. */
export function startedTicks(pid: number): number | undefined {
  const stat = processStat(pid);
  return stat === undefined || "ZX".includes(stat[0] ?? "Z") ? undefined : Number(stat[startedField - 3]);
}
