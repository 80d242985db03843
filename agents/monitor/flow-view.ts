import type { Answered } from "../lib/ask-json.ts";
import { alertsOf, silencesOf } from "./alerts.ts";
import type { FlowMap } from "./config.ts";
import { mapShape } from "./map-shape.ts";
import { nodesOf, ratesOf } from "./map-view.ts";
import type { Figures } from "./queries.ts";
import { type Reading, reading } from "./reading.ts";
import { deadLettersOf, stripOf, summary } from "./strip.ts";
import { byUrgency } from "./urgency.ts";
import { type AlertView, type FlowView, flowViewVersion, type NodeView } from "./view.ts";

export interface Answers {
  readonly figures: Answered<Figures>;
  /** Alertmanager's answers; absent if there is none. */
  readonly alerts?: Answered<unknown>;
  readonly silences?: Answered<unknown>;
  readonly nowMs: number;
}

/** Before the first answer. */
export const emptyView = ({ stack }: FlowMap): FlowView => ({
  ...{
    version: flowViewVersion,
    stack,
    atMs: 0,
    faults: {},
    nodes: {},
    rates: {},
    strip: {},
    alerts: {},
    silences: {},
  },
  deadLetters: {},
  verdict: { state: "unknown", text: "Nothing is known yet." },
});

/**
 * The view after one poll. Without Prometheus it keeps the figures of the last answer, and their time; what Alertmanager does not answer is kept
 * too, and named.
 */
export function flowView(map: FlowMap, before: FlowView, { figures, alerts, silences, nowMs }: Answers): FlowView {
  const faults: Record<string, string> = {};
  const kept = <T>(name: string, old: T, answered: Answered<unknown> | undefined, read: (value: unknown) => T): T => {
    if (answered === undefined) return old;
    if ("fault" in answered) faults[name] = answered.fault;
    else {
      try {
        return read(answered.value);
      } catch {
        faults[name] = "its answer has another form than expected";
      }
    }
    return old;
  };
  const shown = {
    alerts: kept("Alertmanager", before.alerts, alerts, alertsOf),
    silences: kept("Alertmanager", before.silences, silences, silencesOf),
  };
  if ("fault" in figures) {
    return { ...before, ...shown, faults: { Prometheus: figures.fault, ...faults } };
  }
  const read = reading(figures.value);
  const nodes = nodesOf(map, read);
  return {
    ...{ version: flowViewVersion, stack: map.stack, atMs: nowMs, faults, ...shown, nodes },
    rates: ratesOf(map, read),
    strip: stripOf(read),
    deadLetters: deadLettersOf(read),
    verdict: verdictOf(map, {
      read,
      nodes,
      alerts: shown.alerts,
      nowMs,
      alertsAreKnown: alerts !== undefined && !("Alertmanager" in faults),
    }),
  };
}

interface Known {
  readonly read: Reading;
  readonly nodes: Readonly<Record<string, NodeView>>;
  readonly alerts: Readonly<Record<string, AlertView>>;
  readonly alertsAreKnown: boolean;
  readonly nowMs: number;
}

/** One sentence or two: the worst alert with its runbook, else what is wrong on the map, else that all products arrive. */
function verdictOf(map: FlowMap, { read, nodes, alerts, nowMs, alertsAreKnown }: Known): FlowView["verdict"] {
  const figures = summary(read, nowMs);
  const active = byUrgency(alerts).filter(([, alert]) => !alert.isSilenced);
  const [, worst] = active[0] ?? [];
  const more = active.length > 1 ? ` And ${active.length - 1} more.` : "";
  const where = worst && {
    ...(worst.runbook ? { runbook: worst.runbook } : {}),
    ...(worst.step ? { step: worst.step } : {}),
  };
  if (worst?.severity === "page") return { state: "bad", text: `${sentence(worst.summary)}${more}`, ...where };
  const overdue = read.of("overdue") ?? 0;
  if (overdue > 0)
    return {
      state: "bad",
      text: `${overdue} ${overdue === 1 ? "product is" : "products are"} overdue. ${sentence(figures)}`,
    };
  const faulty = faultyNodes(map, nodes);
  const isStopped = map.radar !== undefined && moves(read, "announced") && !moves(read, "pulled");
  if (isStopped) return { state: "bad", text: `Products are announced, but none are placed. ${sentence(figures)}` };
  if (worst) return { state: "warn", text: `${sentence(worst.summary)}${more} Products: ${figures}.`, ...where };
  const [first] = faulty;
  if (first) {
    const others = faulty.length > 1 ? `, and ${faulty.length - 1} more` : "";
    return { state: first.state, text: `${sentence(`${first.name}: ${first.word}${others}`)} Products: ${figures}.` };
  }
  const isBlind = (read.of("knows") ?? 1) === 0;
  if (isBlind)
    return { state: "warn", text: `Products arrive, but the auditor can't see whether all do. ${sentence(figures)}` };
  if (map.radar && !moves(read, "pulled"))
    return { state: "ok", text: `No products are on the way. ${sentence(figures)}` };
  const all = read.of("overdue") === undefined ? "Products arrive" : "All products arrive";
  return { state: "ok", text: `${all}. ${sentence(figures)}${alertsAreKnown ? "" : " Alerts are not known here."}` };
}

const moves = (read: Reading, name: "announced" | "pulled"): boolean => read.all(name).some(({ value }) => value > 0);

const sentence = (text: string): string => {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
};

/** Boxes with a fault, the worst first. Of a host that has several, each is one. */
function faultyNodes(map: FlowMap, nodes: Readonly<Record<string, NodeView>>) {
  const shapes = mapShape(map).flatMap(({ columns }) =>
    columns.flatMap(({ frame, nodes: own }) => (frame ? [frame, ...own] : own)),
  );
  const faulty = shapes.flatMap(({ id, name }) => {
    const { state, word } = nodes[id] ?? {};
    return (state === "bad" || state === "warn") && word !== undefined ? [{ name, state, word }] : [];
  });
  return faulty.toSorted((one, other) => Number(one.state === "warn") - Number(other.state === "warn"));
}
