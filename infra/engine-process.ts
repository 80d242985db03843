import { readFileSync } from "node:fs";

/** Deeper than any chain of shells and wrappers between the engine and the program. */
const ancestorsMax = 32;

/**
 * Identifies the engine's process above this one, by number and start: both programs of one `pulumi up`, its preview and its update, have the same.
 *
 * @returns undefined where it can't be found
 */
export function engineProcess(): string | undefined {
  let pid = process.ppid;
  for (let depth = 0; depth < ancestorsMax && pid > 1; depth += 1) {
    let stat: string;
    try {
      stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    } catch {
      // The process has ended, or is another user's behind hidepid.
      return undefined;
    }
    // proc(5): `PID (COMMAND) STATE PPID …`; the start is the 22nd field. A command may contain parentheses.
    const end = stat.lastIndexOf(")");
    const fields = stat.slice(end + 2).split(" ");
    if (stat.slice(stat.indexOf("(") + 1, end) === "pulumi") return `${pid} ${fields[19]}`;
    pid = Number(fields[1]);
  }
  return undefined;
}
