import { Fragment, type VNode } from "preact";
import { clock, duration } from "../format.ts";
import type { PathShape } from "../map-shape.ts";
import { byUrgency } from "../urgency.ts";
import { type AlertView, type FlowView, type State, staleMs } from "../view.ts";
import { h } from "./element.ts";
import { Sign } from "./glyph.ts";
import { HistorySection } from "./history.ts";
import { MapList, MapPicture } from "./map.ts";
import { SearchSection } from "./search.ts";

interface PageProps {
  readonly paths: readonly PathShape[];
  readonly view: FlowView;
  /** How old the view is, in milliseconds. */
  readonly ageMs: number;
  /** Whether the monitor answers; the server knows that it does. */
  readonly isConnected: boolean;
  readonly canSearch: boolean;
  /** Whether there is an Alertmanager to ask. */
  readonly hasAlerts: boolean;
}

/** Everything below `body`. The server renders it first, with the same values. */
export const Page = ({ paths, view, ageMs, isConnected, canSearch, hasAlerts }: PageProps): VNode => {
  const isStale = ageMs > staleMs || view.atMs === 0;
  return h("div", { class: isStale ? "page stale" : "page" }, [
    h("a", { class: "skip", href: "#alerts" }, "Skip to alerts"),
    h(Header, { view, ageMs, isStale, isConnected }),
    h("main", { id: "main" }, [
      h(Strip, { view }),
      h(
        "div",
        { class: "paths" },
        paths.map((path) =>
          h("section", { class: "path", "aria-labelledby": `path-${path.id}`, key: path.id }, [
            h("h2", { id: `path-${path.id}` }, path.title),
            h(MapPicture, { path, view }),
            h(MapList, { path, view }),
          ]),
        ),
      ),
      h("div", { class: "columns" }, [
        h(Alerts, { view, hasAlerts }),
        canSearch ? h(SearchSection, { nowMs: view.atMs }) : null,
        h(DeadLetters, { view }),
      ]),
      h(HistorySection, {}),
    ]),
  ]);
};

interface HeaderProps {
  readonly view: FlowView;
  readonly ageMs: number;
  readonly isStale: boolean;
  readonly isConnected: boolean;
}

/** The verdict, and whether it still is one. */
const Header = ({ view, ageMs, isStale, isConnected }: HeaderProps): VNode => {
  const { state, text, runbook, step } = view.verdict;
  const shown: State = isStale ? "unknown" : state;
  const faults = Object.entries(view.faults);
  return h("header", { class: `top ${shown}` }, [
    h("div", { class: "bar" }, [
      h("h1", {}, [h("span", { class: "product" }, "warren"), " ", h("span", { class: "stack" }, view.stack)]),
      h("p", { class: "age" }, [
        view.atMs === 0
          ? "no figures yet"
          : [
              h("time", { dateTime: iso(view.atMs) }, `${clock(view.atMs, view.atMs)} UTC`),
              isStale ? `, ${duration(ageMs / 1000)} old` : "",
            ],
        isConnected ? "" : ", no connection to the monitor",
      ]),
    ]),
    h("div", { class: "verdict", role: "status", "aria-live": "polite" }, [
      h(Sign, { state: shown, size: 30 }),
      h("div", {}, [
        isStale && view.atMs > 0
          ? h("p", { class: "text" }, `Not current: the figures are ${duration(ageMs / 1000)} old.`)
          : null,
        h("p", { class: isStale && view.atMs > 0 ? "text old" : "text" }, text),
        runbook || step
          ? h("p", { class: "help" }, helpOf({ ...(runbook ? { runbook } : {}), ...(step ? { step } : {}) }))
          : null,
      ]),
    ]),
    faults.length > 0
      ? h(
          "ul",
          { class: "faults" },
          faults.map(([name, fault]) =>
            h("li", { key: name }, [h(Sign, { state: "warn", size: 14 }), ` ${name} does not answer: ${fault}`]),
          ),
        )
      : null,
  ]);
};

const iso = (ms: number): string => (Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : "");

/** Where an alert is explained. Only an address of the web becomes a link; a section of the docs is shown as it is. */
function helpOf({ runbook, step }: Pick<AlertView, "runbook" | "step">): VNode {
  const isLink = runbook !== undefined && /^https?:\/\//.test(runbook);
  return h(Fragment, {}, [
    runbook
      ? ["Runbook: ", isLink ? h("a", { href: runbook, rel: "noreferrer" }, runbook) : h("code", {}, runbook)]
      : null,
    runbook && step ? " · " : null,
    step ? ["verify: ", h("code", {}, step)] : null,
  ]);
}

const Strip = ({ view }: { view: FlowView }): VNode =>
  h(
    "dl",
    { class: "strip", "aria-label": "Figures" },
    Object.entries(view.strip).map(([name, { value, note, state }]) =>
      h("div", { class: `figure ${state}`, key: name }, [
        h("dt", {}, name),
        h("dd", {}, [
          h("span", { class: "value" }, [
            state === "warn" || state === "bad" ? h(Sign, { state, size: 13 }) : null,
            value,
          ]),
          note ? h("span", { class: "note" }, note) : null,
        ]),
      ]),
    ),
  );

const Alerts = ({ view, hasAlerts }: { view: FlowView; hasAlerts: boolean }): VNode => {
  const alerts = byUrgency(view.alerts);
  const silences = Object.entries(view.silences);
  return h("section", { id: "alerts", class: "alerts", tabIndex: -1, "aria-labelledby": "alerts-title" }, [
    h("h2", { id: "alerts-title" }, `Alerts${alerts.length > 0 ? ` (${alerts.length})` : ""}`),
    alerts.length === 0
      ? h("p", { class: "none" }, noAlerts(view, hasAlerts))
      : alertList(alerts.slice(0, alertsOpen), view.atMs),
    alerts.length > alertsOpen
      ? h("details", { class: "more" }, [
          h("summary", {}, `${alerts.length - alertsOpen} more`),
          alertList(alerts.slice(alertsOpen), view.atMs),
        ])
      : null,
    silences.length > 0
      ? h("div", { class: "silences" }, [
          h("h3", {}, "Silences"),
          h(
            "ul",
            {},
            silences.map(([id, { comment, by, matchers, endsMs }]) =>
              h("li", { key: id }, [
                h("code", {}, matchers),
                ` ${comment} (${by}), until ${clock(endsMs, view.atMs)} UTC`,
              ]),
            ),
          ),
        ])
      : null,
  ]);
};

/** More are in a list that opens: a host that is down has one for each of its agents. */
const alertsOpen = 6;

const alertList = (alerts: ReturnType<typeof byUrgency>, nowMs: number): VNode =>
  h(
    "ul",
    { class: "list" },
    alerts.map(([id, alert]) =>
      h("li", { key: id, class: alert.isSilenced ? "silenced" : alert.severity }, alertText(alert, nowMs)),
    ),
  );

function noAlerts({ faults, atMs }: FlowView, hasAlerts: boolean): string {
  if (!hasAlerts) return "There is no Alertmanager to ask.";
  return "Alertmanager" in faults || atMs === 0 ? "Not known." : "No alert fires.";
}

const alertText = (alert: AlertView, nowMs: number): VNode[] => {
  const state: State = alert.isSilenced ? "unknown" : alert.severity === "page" ? "bad" : "warn";
  const kind = `${alert.severity}${alert.isSilenced ? ", silenced" : ""}`;
  return [
    h(Sign, { state, size: 16 }),
    h("div", {}, [
      h("p", { class: "head" }, [h("strong", {}, alert.name), " ", h("span", { class: "kind" }, kind)]),
      h("p", {}, alert.summary),
      alert.description ? h("p", { class: "quiet" }, `Users notice: ${alert.description}`) : null,
      h("p", { class: "quiet" }, [
        `Since ${clock(alert.sinceMs, nowMs)} UTC, for ${duration(Math.max(0, nowMs - alert.sinceMs) / 1000)}. `,
        helpOf(alert),
      ]),
    ]),
  ];
};

const DeadLetters = ({ view }: { view: FlowView }): VNode => {
  const rows = Object.entries(view.deadLetters);
  return h("section", { class: "dead", "aria-labelledby": "dead-title" }, [
    h("h2", { id: "dead-title" }, "Dead letters, 24 hours"),
    rows.length === 0
      ? h("p", { class: "none" }, "None.")
      : h("table", {}, [
          h(
            "thead",
            {},
            h("tr", {}, [h("th", { scope: "col" }, "Reason"), h("th", { scope: "col", class: "number" }, "Count")]),
          ),
          h(
            "tbody",
            {},
            rows.map(([id, { reason, count }]) =>
              h("tr", { key: id }, [h("td", {}, reason), h("td", { class: "number" }, String(count))]),
            ),
          ),
        ]),
  ]);
};
