import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { clock, shortNumber } from "../format.ts";
import { type Chart, type History, type Mark, type Range, ranges } from "../view.ts";
import { h } from "./element.ts";

/** Rows of a chart's table: enough to read, few enough to be read aloud. */
const rowsMax = 24;
const refreshMs = 15_000;

/** Charts of the last hour, day or fifteen days, each with a table. */
export const HistorySection = (_: Record<string, never>): VNode => {
  const [range, setRange] = useState<Range>("1h");
  const [history, setHistory] = useState<History | string | undefined>(undefined);
  useEffect(() => {
    let isCurrent = true;
    const load = async (): Promise<void> => {
      const loaded = await ask(range);
      if (isCurrent) setHistory(loaded);
    };
    void load();
    const timer = setInterval(load, Math.max(refreshMs, ranges[range].keptMs));
    return () => {
      isCurrent = false;
      clearInterval(timer);
    };
  }, [range]);
  return h("section", { class: "history", "aria-labelledby": "history-title" }, [
    h("div", { class: "row" }, [
      h("h2", { id: "history-title" }, "History"),
      h("fieldset", { class: "ranges" }, [
        h("legend", { class: "unseen" }, "Range"),
        ...Object.entries(ranges).map(([id, { title }]) =>
          h("label", { key: id }, [
            h("input", {
              type: "radio",
              name: "range",
              value: id,
              checked: id === range,
              onChange: () => setRange(id as Range),
            }),
            h("span", {}, title),
          ]),
        ),
      ]),
    ]),
    history === undefined
      ? h("p", { class: "none" }, "Charts are loaded by the script of this page.")
      : typeof history === "string"
        ? h("p", { class: "none" }, history)
        : [
            h(
              "div",
              { class: "charts" },
              history.charts.map((chart) => h(ChartFigure, { chart, history, key: `${chart.id} ${history.range}` })),
            ),
            h(MarksList, { marks: history.marks }),
          ],
  ]);
};

/** What the triangles and lines on the charts are. */
const MarksList = ({ marks }: { marks: readonly Mark[] }): VNode => {
  if (marks.length === 0) return h("p", { class: "none" }, "No agent was started, and no planned work was done.");
  const title = "Starts of agents and planned work";
  return h("details", { class: "marks" }, [
    h("summary", {}, `${title}: ${marks.length}`),
    scrolled(
      title,
      ["What"],
      marks.map(({ time, text }) => ({ time, cells: [text] })),
      "text",
    ),
  ]);
};

async function ask(range: Range): Promise<History | string> {
  try {
    const response = await fetch(`history?range=${range}`);
    return response.ok
      ? ((await response.json()) as History)
      : `No history: ${((await response.json()) as { error: string }).error}`;
  } catch {
    return "No history: the monitor does not answer.";
  }
}

/** Draws a chart into an element; returns how to draw it again with other data. Set by the browser's entry: the server has no canvas. */
export type Draw = (
  element: HTMLElement,
  chart: Chart,
  history: History,
) => { update(chart: Chart, history: History): void; remove(): void };
let draw: Draw | undefined;
export const setDraw = (by: Draw): void => {
  draw = by;
};

const ChartFigure = ({ chart, history }: { chart: Chart; history: History }): VNode => {
  const element = useRef<HTMLDivElement>(null);
  const drawn = useRef<ReturnType<Draw> | undefined>(undefined);
  useEffect(() => {
    if (element.current && draw) drawn.current = draw(element.current, chart, history);
    return () => drawn.current?.remove();
  }, []);
  useEffect(() => drawn.current?.update(chart, history), [chart, history]);
  return h("figure", { class: "chart" }, [
    h("figcaption", {}, [
      h("strong", {}, chart.title),
      chart.unit === "s" ? h("span", { class: "quiet" }, ", seconds") : "",
    ]),
    h("div", {
      class: "canvas",
      ref: element,
      role: "img",
      "aria-label": `${chart.title}, a line for each of ${chart.labels.join(", ")}; the table below has the values`,
    }),
    h("details", {}, [h("summary", {}, "Table"), table(chart)]),
  ]);
};

const valueText = (value: number | null | undefined, unit: string): string =>
  value === null || value === undefined
    ? "–"
    : `${shortNumber(value)}${unit === "" ? "" : unit.startsWith("/") ? unit : ` ${unit}`}`;

function table({ title, labels, times, values, unit }: Chart): VNode {
  const step = Math.max(1, Math.ceil(times.length / rowsMax));
  const rows = times
    .flatMap((time, index) => ((times.length - 1 - index) % step === 0 ? [{ time, index }] : []))
    .toReversed()
    .map(({ time, index }) => ({ time, cells: labels.map((_, line) => valueText(values[line]?.[index], unit)) }));
  return scrolled(`Table: ${title}`, labels, rows, "number");
}

/** Rows by time, the newest first. */
function scrolled(
  title: string,
  labels: readonly string[],
  rows: readonly { readonly time: number; readonly cells: readonly string[] }[],
  kind: "number" | "text",
): VNode {
  const nowMs = Date.now();
  return h(
    "div",
    { class: "scroll", tabIndex: 0, role: "region", "aria-label": title },
    h("table", {}, [
      h(
        "thead",
        {},
        h("tr", {}, [
          h("th", { scope: "col" }, "Time, UTC"),
          ...labels.map((label) => h("th", { scope: "col", class: kind }, label)),
        ]),
      ),
      h(
        "tbody",
        {},
        rows.map(({ time, cells }) =>
          h("tr", {}, [
            h("td", { class: "time" }, clock(time * 1000, nowMs)),
            ...cells.map((cell) => h("td", { class: kind }, cell)),
          ]),
        ),
      ),
    ]),
  );
}
