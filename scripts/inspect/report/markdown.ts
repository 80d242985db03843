import { printableLine } from "../../../agents/lib/foreign.ts";
import type { IncidentRow, Report } from "./month.ts";
import { budgetText, countText, durationText, shareText, timeText, verdictOf } from "./words.ts";

/** The report as Markdown, for a terminal, a wiki or a mail. Ends with a newline. */
export function formatMarkdown(report: Report): string {
  const { stack, month, incidents, days } = report;
  return `${[
    `# ${stack}, ${month}`,
    verdictOf(report),
    table(["", ""], figuresOf(report)),
    "## Incidents",
    incidents.length === 0 ? "None." : table(incidentHead, incidents.map(incidentRow)),
    "## Days",
    days.length === 0 ? "No record." : table(dayHead, days.map(dayRow)),
  ].join("\n\n")}\n`;
}

/** The report's figures, each with its label. */
export function figuresOf(report: Report): [string, string][] {
  const { latencySeconds: latency, budgets } = report;
  const within = (bound: number | undefined) =>
    bound === undefined ? (budgets[0]?.products ? "more than 2 min" : "no product") : `at most ${bound} s`;
  return [
    ["Products announced", countText(report.announced)],
    ["Placed in time", shareText(report.availability)],
    ["Overdue", `${countText(report.overdue)}, ${countText(report.placedLate)} of them placed later`],
    ["Placed twice", countText(report.repeated)],
    ["Dead letters", countText(report.deadLetters)],
    ["Unknown", countText(report.unknown)],
    ["Time to place, median", within(latency.p50)],
    ["Time to place, 95 %", within(latency.p95)],
    ["Time to place, 99 %", within(latency.p99)],
    ...budgets.map((budget): [string, string] => [`Error budget, ${budget.withinSeconds} s`, budgetText(budget)]),
    ["Record", recordText(report)],
  ];
}

function recordText({ hoursKnown, hoursOf, gapSeconds }: Report): string {
  const gaps = gapSeconds > 0 ? `, with gaps of ${durationText(gapSeconds)}` : ", without gaps";
  return `${hoursKnown} of ${hoursOf} hours${hoursKnown > 0 ? gaps : ""}`;
}

export const incidentHead = ["Began", "Alert", "Severity", "About", "Noticed after", "Repaired after"];
export const incidentRow = (one: IncidentRow): string[] => [
  timeText(one.beganMs),
  one.alert,
  one.severity,
  one.about,
  durationText(one.noticeSeconds),
  one.repairSeconds === undefined ? "not yet" : durationText(one.repairSeconds),
];

export const dayHead = ["Day", "Announced", "Placed", "Overdue", "Twice", "Unknown"];
export const dayRow = (day: Report["days"][number]): string[] => [
  day.date,
  ...[day.announced, day.placed, day.overdue, day.repeated, day.unknown].map(countText),
];

/** What hosts and brokers named stays in its cell. */
const cell = (text: string): string => printableLine(text).replaceAll("|", "\\|");

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
