import { latencyBoundsSeconds, publicBoundsSeconds } from "../../../agents/lib/audit-history.ts";
import { printableLine } from "../../../agents/lib/foreign.ts";
import type { IncidentRow, Report } from "./month.ts";
import type { PublicDay } from "./public.ts";
import {
  budgetText,
  countText,
  durationText,
  percentileRows,
  recordText,
  shareText,
  timeText,
  verdictOf,
} from "./words.ts";

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
    ...publicSection(report),
  ].join("\n\n")}\n`;
}

/** The report's figures, each with its label. */
export function figuresOf(report: Report): [string, string][] {
  const { latencySeconds, budgets } = report;
  return [
    ["Products announced", countText(report.announced)],
    ["Placed in time", shareText(report.availability)],
    ["Overdue", `${countText(report.overdue)}, ${countText(report.placedLate)} of them placed later`],
    ["Placed twice", countText(report.repeated)],
    ["Dead letters", countText(report.deadLetters)],
    ["Unknown", countText(report.unknown)],
    ...percentileRows("Time to place", latencySeconds, latencyBoundsSeconds, budgets[0]?.products ?? 0),
    ...budgets.map((budget): [string, string] => [`Error budget, ${budget.withinSeconds} s`, budgetText(budget)]),
    ["Record", recordText(report.hoursKnown, report.hoursOf, report.gapSeconds)],
  ];
}

function publicSection(report: Report): string[] {
  const figures = publicFiguresOf(report);
  if (!report.public || !figures) return [];
  const { days } = report.public;
  const rows = days.length === 0 ? [] : [table(publicDayHead, days.map(publicDayRow))];
  return [`## ${publicTitle}`, table(["", ""], figures), ...rows];
}

export const publicTitle = "Public data servers";

/** The public path's figures, each with its label; undefined if the stack delivers to no public data server. */
export function publicFiguresOf({ public: its, hoursOf }: Report): [string, string][] | undefined {
  if (!its) return undefined;
  const { delivered, announced, deliverySeconds, announcementSeconds, budget, hoursKnown, gapSeconds } = its;
  const known = (text: string) => (hoursKnown > 0 ? text : "unknown");
  const rows: [string, string][] = [
    ["Products delivered", countText(delivered)],
    ["Announced to clients", countText(announced)],
    ...percentileRows("Time to deliver", deliverySeconds, publicBoundsSeconds, delivered),
    ...percentileRows("Time from there to announce", announcementSeconds, publicBoundsSeconds, announced),
    [`Error budget, ${budget.withinSeconds} s to deliver`, budgetText(budget)],
  ];
  return [
    ...rows.map(([label, text]): [string, string] => [label, known(text)]),
    ["Record", recordText(hoursKnown, hoursOf, gapSeconds)],
  ];
}

export const publicDayHead = ["Day", "Delivered", "Announced", "Slow", "Hours known"];
export const publicDayRow = (day: PublicDay): string[] => [
  day.date,
  ...[day.delivered, day.announced, day.slow, day.hoursKnown].map(countText),
];

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
