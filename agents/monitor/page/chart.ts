import uPlot from "uplot";
import { shortNumber } from "../format.ts";
import type { Chart, History } from "../view.ts";
import type { Draw } from "./history.ts";

const height = 170;
const dashes: readonly (readonly number[])[] = [[], [6, 3], [2, 3]];

/** A colour of the page's style, so that charts are dark where the page is. */
const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const dataOf = ({ times, values }: Chart): uPlot.AlignedData => [times, ...values] as unknown as uPlot.AlignedData;

/** Draws by uPlot: lines differ by colour and by dashes; a triangle at the top is the start of an agent, a line planned work. */
export const drawChart: Draw = (element, chart, history) => {
  let current = history;
  const make = (): uPlot =>
    new uPlot({ ...optionsOf(chart, () => current), width: widthOf(element), height }, dataOf(chart), element);
  let data = chart;
  let plot = make();
  const resized = new ResizeObserver(() => plot.setSize({ width: widthOf(element), height }));
  resized.observe(element);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const redraw = (): void => {
    plot.destroy();
    plot = make();
    plot.setData(dataOf(data));
  };
  dark.addEventListener("change", redraw);
  return {
    update(next, nextHistory) {
      current = nextHistory;
      data = next;
      plot.setData(dataOf(next));
    },
    remove() {
      dark.removeEventListener("change", redraw);
      resized.disconnect();
      plot.destroy();
    },
  };
};

const widthOf = (element: HTMLElement): number => Math.max(200, element.clientWidth);

function optionsOf(chart: Chart, history: () => History): Omit<uPlot.Options, "width" | "height"> {
  const axis = {
    stroke: colour("--quiet"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
  };
  return {
    tzDate: (time) => uPlot.tzDate(new Date(time * 1000), "Etc/UTC"),
    cursor: { points: { size: 6 }, drag: { x: false, y: false } },
    legend: { markers: { width: 2, dash: (_, line) => ["solid", "dashed", "dotted"][line - 1] ?? "solid" } },
    scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [
      { ...axis, size: 26, space: 60, values: (_, times, __, ___, step) => times.map((time) => timeText(time, step)) },
      { ...axis, size: 46, values: (_, values) => values.map((value) => shortNumber(value)) },
    ],
    series: [
      { label: "UTC", value: (_, time, __, index) => (index === null ? "now" : timeText(time, 0)) },
      ...chart.labels.map((label, index) => ({
        label,
        stroke: colour(`--series-${index + 1}`),
        width: 1.5,
        dash: [...(dashes[index] ?? [])],
        points: { show: false },
        value: (plot: uPlot, value: number | null, line: number, index: number | null) => {
          const shown = index === null ? plot.data[line]?.at(-1) : value;
          return typeof shown === "number" ? shortNumber(shown) : "–";
        },
      })),
    ],
    hooks: { draw: [(plot) => drawMarks(plot, history())] },
  };
}

/** A small triangle at the top for each start of an agent, a dashed line for each beginning of planned work. */
function drawMarks(plot: uPlot, { marks }: History): void {
  const { ctx, bbox } = plot;
  const size = 5 * devicePixelRatio;
  ctx.save();
  ctx.fillStyle = ctx.strokeStyle = colour("--mark");
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  for (const { time, kind } of marks) {
    const x = plot.valToPos(time, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    if (kind === "work") {
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      continue;
    }
    ctx.moveTo(x - size, bbox.top);
    ctx.lineTo(x + size, bbox.top);
    ctx.lineTo(x, bbox.top + 1.6 * size);
    ctx.fill();
  }
  ctx.restore();
}

/** In UTC; where the axis has days, the day. */
function timeText(time: number, stepSeconds: number): string {
  const text = new Date(time * 1000).toISOString();
  const [day, clock] = [text.slice(5, 10), text.slice(11, 16)];
  const seconds = stepSeconds > 0 && stepSeconds < 60;
  return stepSeconds >= 86_400 || (clock === "00:00" && !seconds)
    ? day
    : stepSeconds === 0
      ? `${day} ${clock}`
      : seconds
        ? text.slice(11, 19)
        : clock;
}
