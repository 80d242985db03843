import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { processStat } from "../../infra/process-stat.ts";

const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
/** Indexes into `processStat`'s fields (proc(5): utime, stime). */
const userTicksField = 11;
const systemTicksField = 12;

/** CPU seconds used by a process and its threads, in the kernel's steps of 10 ms. */
export function cpuSeconds(pid: number): number {
  const fields = processStat(pid);
  if (!fields) throw new Error(`process ${pid} has exited`);
  return (Number(fields[userTicksField]) + Number(fields[systemTicksField])) / ticksPerSecond;
}

/** Resident set of a process. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}
