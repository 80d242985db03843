import * as pulumi from "@pulumi/pulumi";
import { fullVariable } from "./model/names.ts";
import type { Contact } from "./observe/contact.ts";
import type { FileDifference } from "./observe/file-differences.ts";
import type { Drift } from "./observe/find-drift.ts";
import { unconfirmedHosts } from "./observe/host-key-notes.ts";
import type { Observations } from "./observe/index.ts";
import type { PlannedStep } from "./resources/plan.ts";
import type { Tell } from "./tell.ts";

/** Limit of things listed in a line, because a broker that was set up by hand may have thousands of queues. */
const listedMax = 20;

/** Logs one warning per difference, with host or cluster, thing and difference, and one line per place for unmanaged things. */
export async function reportDrift(
  tell: Tell,
  observations: Observations,
  drift: Drift,
  planned: readonly PlannedStep[],
): Promise<void> {
  for (const [host, observed] of observations) {
    if ("unreachable" in observed && !observed.refused)
      await tell.warn(`${host} can't be observed: ${observed.unreachable}`);
  }
  for (const one of planned) {
    if (one.drift.length > 0) await tell.warn(`${one.host} has drifted: ${one.step.name}: ${one.drift.join("; ")}`);
  }
  for (const warning of drift.warnings) await tell.warn(warning);
  for (const [where, things] of drift.unmanaged) {
    const more = things.length > listedMax ? `, and ${things.length - listedMax} more` : "";
    await tell.info(`${where}: not managed, left as it is: ${things.slice(0, listedMax).join(", ")}${more}`);
  }
}

/** A screenful: lines of differences, of all files together. */
const linesMax = 40;

/**
 * Logs how the content of files differs, one message for each file and difference, and in the last one what was left out.
 *
 * @param isFull shows more than a screenful
 */
export async function reportFiles(
  tell: Tell,
  differences: readonly FileDifference[],
  isFull = (process.env[fullVariable] ?? "") !== "",
): Promise<void> {
  for (const text of fileTexts(differences, isFull ? Number.POSITIVE_INFINITY : linesMax)) await tell.info(text);
}

/** @param most lines of differences, of all files together */
export function fileTexts(differences: readonly FileDifference[], most: number): string[] {
  let left = most;
  const texts: string[] = [];
  const unshown: string[] = [];
  for (const { hosts, path, lines } of differences) {
    const name = `${hosts.join(", ")}: ${path}`;
    if (left < 1) {
      unshown.push(name);
      continue;
    }
    const shown = lines.slice(0, left);
    left -= shown.length;
    const cut =
      lines.length > shown.length ? [`… more lines: ${lines.length - shown.length}; \`--full\` shows them`] : [];
    texts.push([`${name}, the host's lines (-) and the stack's (+):`, ...shown, ...cut].join("\n  "));
  }
  if (unshown.length === 0) return texts;
  return [...texts, ["more files that differ; `--full` shows how:", ...unshown].join("\n  ")];
}

/**
 * Logs refused host keys, and in a preview those that nobody has confirmed.
 *
 * @throws UserError in an `up` with hosts whose keys nobody has confirmed: they would get the stack's secrets
 */
export async function reportHostKeys(tell: Tell, { unconfirmed, errors }: Contact["notes"]): Promise<void> {
  if (unconfirmed.length > 0 && !pulumi.runtime.isDryRun()) throw unconfirmedHosts(pulumi.getStack(), unconfirmed);
  for (const line of unconfirmed) await tell.warn(line);
  for (const error of errors) await pulumi.log.error(error);
  // The run continues with the other hosts. With this exit code, the SDK fails the run at its end without another message.
  if (errors.length > 0) process.exitCode = 32;
}
