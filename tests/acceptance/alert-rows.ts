import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import * as z from "zod";
import { formatColumns } from "../../scripts/lib/table.ts";
import type { LabFault } from "../faults/fault.ts";

// What the alerts of a lab did at each fault: judged, kept in a file, and printed.

/** A firing alert, as Prometheus reports it. */
export interface Firing {
  readonly name: string;
  readonly severity: string;
}

const answerSchema = z.object({
  data: z.object({
    alerts: z.array(
      z.object({ state: z.string(), labels: z.looseObject({ alertname: z.string(), severity: z.string() }) }),
    ),
  }),
});

/**
 * At a tenth of all times, a fault of a minute spends ten minutes' budget, and the ticket's windows remember it for half an hour. Their rules are
 * tested with their real times only.
 */
const budgets = /^LatencyBudget/;

/** The firing alerts in an answer of `/api/v1/alerts`; without the Watchdog, which always fires, and the budgets of latency. */
export function firingIn(answer: string): Firing[] {
  const { data } = answerSchema.parse(JSON.parse(answer));
  return data.alerts
    .filter(({ state, labels }) => state === "firing" && labels.severity !== "none" && !budgets.test(labels.alertname))
    .map(({ labels }) => ({ name: labels.alertname, severity: labels.severity }));
}

/** Names of pages that the fault should not have fired. */
export function wrongPages({ alert, alsoPages = [] }: LabFault, seen: Iterable<Firing>): string[] {
  const right = new Set([...(typeof alert === "string" ? [alert] : []), ...alsoPages]);
  const pages = [...seen].filter(({ severity }) => severity === "page").map(({ name }) => name);
  return [...new Set(pages)].filter((name) => !right.has(name)).toSorted();
}

const rowSchema = z.object({
  /** Of the rules that were tested; rows of other rules are ignored. */
  rules: z.string(),
  fault: z.string(),
  /** Empty if none should fire. */
  alert: z.string(),
  secondsToFire: z.number().optional(),
  secondsToClear: z.number(),
  /** Everything else that fired. */
  others: z.array(z.string()),
});
export type AlertRow = z.infer<typeof rowSchema>;

export const digestOf = (rules: string): string => createHash("sha256").update(rules).digest("hex").slice(0, 16);

/** The rows of an earlier run with the same rules; an unfinished last line is skipped. */
export function readRows(file: string, rules: string): AlertRow[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return [rowSchema.parse(JSON.parse(line))];
      } catch {
        return [];
      }
    })
    .filter((row) => row.rules === rules);
}

/** Kept at once, so that a run that is broken off continues behind it. */
export function keepRow(file: string, row: AlertRow): void {
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify(row)}\n`);
}

/** Fault → alert → seconds to fire → seconds to clear. */
export function rowsTable(rows: readonly AlertRow[]): string {
  const seconds = (value: number | undefined) => (value === undefined ? "" : `${value.toFixed(0)} s`);
  const lines = rows.map(({ fault, alert, secondsToFire, secondsToClear, others }) => [
    fault,
    alert || "none",
    seconds(secondsToFire),
    seconds(secondsToClear),
    others.join(" "),
  ]);
  const isNumber = (column: number) => column === 2 || column === 3;
  return `\n${formatColumns([["fault", "alert", "fires after", "clears after", "others"], ...lines], "", { isNumber })}\n`;
}
