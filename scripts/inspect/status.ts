import type { Command } from "commander";
import { wantsColor } from "../lib/color.ts";
import { exitFindings, type RunbookFlags, runbookOptions, stackOf, toJson } from "../lib/options.ts";
import { pause } from "../lib/poll.ts";
import { openObserver } from "./snapshot/snapshot.ts";
import { formatStatus, hasFindings, type Status, statusOf } from "./status/screen.ts";

interface Flags extends RunbookFlags {
  readonly watch?: true;
}

/** Time between the two snapshots from which rates are computed. */
const snapshotApartMs = 1000;
const watchEveryMs = 2000;
const columnsWithoutTerminal = 160;
const exitInterrupted = 130;

const otherScreen = "\u001b[?1049h";
const screenBefore = "\u001b[?1049l";
const homeAndClear = "\u001b[H\u001b[J";

/** `./warren status -s STACK`: one screen of hosts, virtual IP, brokers, queues, agents. */
export function define(command: Command): void {
  runbookOptions(command)
    .option("--watch", "refresh every two seconds until Ctrl-C; --json prints one object a line")
    .addHelpText(
      "after",
      `
The state of an agent is one of sr3's words: run; idle, nothing to do since the last snapshot; wVip, waits for the virtual IP; lag, work waits for more than
ten seconds; slow, a product takes more than five seconds; rtry, retries; reje, rejects or dead-letters; part, works without a broker; hung, doesn't answer;
stop, its unit is down; away, its host doesn't answer. Rates and the mean time of a product's first attempt are since the last snapshot.
Exit codes: 0 healthy, 1 failed, 2 something is wrong, or the stack file is invalid.

  ./warren status -s op
  ./warren status -s op --watch`,
    )
    .action(runStatus);
}

async function runStatus(flags: Flags): Promise<void> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, stop);
  try {
    await showStatus(flags, controller.signal);
  } catch (error) {
    // A terminal's Ctrl-C also stops the engine and ssh; their errors are expected then.
    if (!controller.signal.aborted) throw error;
  } finally {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, stop);
    // Ctrl-C is the normal end of --watch, and an interruption otherwise.
    if (controller.signal.aborted && !flags.watch) process.exitCode = exitInterrupted;
  }
}

async function showStatus(flags: Flags, signal: AbortSignal): Promise<void> {
  const observer = await openObserver(stackOf(flags, "status"));
  const live = flags.watch === true && process.stdout.isTTY === true && !flags.json;
  const snapshot = () => observer.snapshot({ withMetrics: true, withFetches: false });
  try {
    let before = await snapshot();
    await pause(snapshotApartMs, signal);
    if (live) process.stdout.write(otherScreen);
    while (!signal.aborted) {
      const now = await snapshot();
      if (signal.aborted) break;
      const status = statusOf(now, before, new Date());
      process.stdout.write(`${live ? homeAndClear : ""}${textOf(status, flags)}`);
      if (!flags.watch) {
        if (hasFindings(status)) process.exitCode = exitFindings;
        break;
      }
      before = now;
      await pause(watchEveryMs, signal);
    }
  } finally {
    if (live) process.stdout.write(screenBefore);
    observer.close();
  }
}

function textOf(status: Status, { json, watch }: Flags): string {
  if (json) return watch ? `${JSON.stringify(status)}\n` : toJson(status);
  const columns = process.stdout.columns ?? columnsWithoutTerminal;
  return formatStatus(status, wantsColor(process.stdout), columns);
}
