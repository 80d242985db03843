import { writeFile } from "node:fs/promises";
import { UserError } from "../../agents/lib/errors.ts";
import { checkAccountFile } from "../../scripts/traffic/report.ts";
import type { BenchSteps } from "./cleanly.ts";

/** Options of every bench. */
export interface BenchFlags {
  readonly quick?: boolean;
  readonly json?: string;
}

const exitInterrupted = 130;

/**
 * Runs a bench: progress on standard error, its table on standard output, the summary to the file of `--json`. A signal aborts it, with
 * exit code 130.
 */
export async function runVerb<T>(
  { json }: BenchFlags,
  run: (steps: BenchSteps) => Promise<T>,
  format: (result: T) => string,
  summarise: (result: T) => object,
): Promise<void> {
  if (json !== undefined) await checkAccountFile(json);
  const interrupt = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => interrupt.abort(new Error(`stopped by ${signal}`));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, onSignal);
  try {
    const result = await run({
      signal: interrupt.signal,
      onStep: (text) => void process.stderr.write(`${text}\n`),
    });
    process.stdout.write(`\n${format(result)}`);
    if (json !== undefined) await writeSummary(json, summarise(result));
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.exitCode = exitInterrupted;
  }
}

async function writeSummary(path: string, summary: object): Promise<void> {
  await writeFile(path, `${JSON.stringify(summary, null, 2)}\n`).catch((error: Error) => {
    throw new UserError(path, `can't be written: ${error.message}`, "choose another file for --json");
  });
}
