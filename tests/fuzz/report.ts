import { painter } from "../../scripts/lib/table.ts";
import type { FuzzReport } from "./subject.ts";

/** Number of findings printed for each subject; `--json` has all. */
const findingsShown = 10;

/** The command that replays a finding. */
export function replayCommand(subject: string, seed: number, index: number): string {
  return `./warren fuzz ${subject} --seed ${seed} --only ${index}`;
}

/** One line for each subject, its findings below it. Ends with a newline. */
export function formatFuzzReport(report: FuzzReport, color: boolean): string {
  const { subject, seed, count, valid, cameOut, refused, seconds, findings } = report;
  const paint = painter(color);
  const hasPassed = findings.length === 0;
  const verdict = hasPassed ? paint("green", "no failure") : paint("red", `${findings.length} failed`);
  const counts = `${count} inputs, ${valid} of them valid: ${cameOut} came out, ${refused} refused with a reason`;
  const lines = [`${subject}: ${counts}; ${verdict}; seed ${seed}, ${seconds.toFixed(1)} s`];
  for (const finding of findings.slice(0, findingsShown)) lines.push(`  ${paint("red", "✗")} ${finding}`);
  if (findings.length > findingsShown) lines.push(`  … and ${findings.length - findingsShown} more (--json has all)`);
  return `${lines.join("\n")}\n`;
}
