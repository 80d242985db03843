import { readFileSync } from "node:fs";

/**
 * The kernel's fields for a process or thread after the program's name, which may contain anything: first the state, field 3 of
 * proc(5), so field N is at index N - 3. Undefined where there is no such process.
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

/** False for a process that has exited, even if its parent has not reaped it yet. */
export const isAlive = (pid: number): boolean => startedTicks(pid) !== undefined;

const startedField = 22;

/** Start time of a process, in kernel ticks of 1/100 s since boot; undefined for one that has exited. */
export function startedTicks(pid: number): number | undefined {
  const stat = processStat(pid);
  return stat === undefined || "ZX".includes(stat[0] ?? "Z") ? undefined : Number(stat[startedField - 3]);
}

const parentField = 4;
/** Deeper than any chain of shells and wrappers. */
const ancestorsMax = 32;

/** The parent of this process, its parent, and so on, as far as they can be seen. */
export function ancestors(): number[] {
  const found: number[] = [];
  let pid = process.ppid;
  while (pid > 1 && found.length < ancestorsMax) {
    found.push(pid);
    pid = Number(processStat(pid)?.[parentField - 3] ?? 0);
  }
  return found;
}
