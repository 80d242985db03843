import { readFileSync } from "node:fs";
import handlebars from "handlebars";
import {
  dayHead,
  dayRow,
  figuresOf,
  incidentHead,
  incidentRow,
  publicDayHead,
  publicDayRow,
  publicFiguresOf,
  publicTitle,
} from "./markdown.ts";
import type { Day, Report } from "./month.ts";
import { countText, timeText, verdictOf } from "./words.ts";

const barWidth = 20;
const chartHeight = 120;

/** The report as one HTML page that needs nothing else. Handlebars escapes every value. */
export function formatPage(report: Report): string {
  // Compiled at each call: a program makes one report.
  const render = handlebars.compile(readFileSync(new URL("./page.hbs", import.meta.url), "utf8"), { strict: true });
  return render({
    title: `${report.stack}, ${report.month}`,
    verdict: verdictOf(report),
    figures: labelled(figuresOf(report)),
    incidentHead,
    incidents: report.incidents.map((one) => ({ cells: incidentRow(one), summary: one.summary })),
    dayHead,
    days: report.days.map(dayRow),
    chart: chartOf(report.days),
    publicTitle,
    publicFigures: labelled(publicFiguresOf(report) ?? []),
    publicDayHead,
    publicDays: report.public?.days.map(publicDayRow) ?? [],
    span: `${timeText(report.fromMs)} to ${timeText(report.toMs)} UTC`,
  });
}

const labelled = (figures: readonly [string, string][]) => figures.map(([label, value]) => ({ label, value }));

/** Products a day as bars; the part that was not placed in time stands on top. */
function chartOf(days: readonly Day[]) {
  const most = Math.max(1, ...days.map(({ announced }) => announced));
  const heightOf = (count: number) => (count / most) * chartHeight;
  return {
    width: Math.max(1, days.length) * barWidth,
    height: chartHeight,
    bars: days.map(({ date, announced, overdue, unknown }, at) => {
      const bad = Math.min(announced, overdue + unknown);
      // One product must be visible among many.
      const badHeight = bad > 0 ? Math.max(3, heightOf(bad)) : 0;
      const height = Math.max(badHeight, heightOf(announced));
      return {
        x: at * barWidth + 2,
        width: barWidth - 4,
        goodY: chartHeight - height + badHeight,
        goodHeight: height - badHeight,
        badY: chartHeight - height,
        badHeight,
        title: `${date}: ${countText(announced)} announced, ${countText(bad)} not placed in time or unknown`,
      };
    }),
  };
}
