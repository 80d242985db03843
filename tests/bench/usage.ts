import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
/** Positions in /proc/PID/stat after the program's name, which may hold anything (proc(5): utime, stime). */
const userTicksField = 11;
const systemTicksField = 12;

/** Seconds of processor that a process and its threads have used so far; the kernel counts in steps of 10 ms. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[userTicksField]) + Number(fields[systemTicksField])) / ticksPerSecond;
}

/** Everything of a process that is in memory. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}
