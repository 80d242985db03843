import { hydrate, render } from "preact";
import type { PathShape } from "../map-shape.ts";
import { patched } from "../patch.ts";
import { type FlowView, flowViewVersion } from "../view.ts";
import { drawChart } from "./chart.ts";
import { h } from "./element.ts";
import { setDraw } from "./history.ts";
import { Page } from "./page.ts";

/** What the server puts into the page for the browser: what it rendered the first paint with. */
export interface Start {
  readonly paths: readonly PathShape[];
  readonly view: FlowView;
  readonly ageMs: number;
  /** Number of the view; differences follow it. */
  readonly sequence: number;
  readonly canSearch: boolean;
  readonly hasAlerts: boolean;
}

/** An event: how old the view is, and the difference to the one before, or that the complete view has to be fetched. */
export interface FlowEvent {
  readonly sequence: number;
  readonly ageMs: number;
  readonly patch?: unknown;
  readonly reload?: true;
}

/** Without an event for this long, the monitor is not there. Events come each five seconds. */
const silentMs = 12_000;

const element = document.getElementById("root");
const start = JSON.parse(element?.dataset.start ?? "null") as Start | null;
if (element && start) run(element, start);

function run(root: HTMLElement, { paths, canSearch, hasAlerts, ...first }: Start): void {
  let { view, sequence } = first;
  let age = { ms: first.ageMs, at: performance.now() };
  let heardAt = performance.now();
  const ageMs = (): number => age.ms + performance.now() - age.at;
  const page = (ms: number) =>
    h(Page, { paths, view, ageMs: ms, isConnected: performance.now() - heardAt < silentMs, canSearch, hasAlerts });
  const show = (): void => render(page(ageMs()), root);
  setDraw(drawChart);
  hydrate(page(first.ageMs), root);
  const reload = async (): Promise<void> => {
    const response = await fetch("view");
    const full = (await response.json()) as Pick<Start, "view" | "sequence" | "ageMs">;
    if (full.view.version !== flowViewVersion) return location.reload();
    ({ view, sequence } = full);
    age = { ms: full.ageMs, at: performance.now() };
    show();
  };
  const events = new EventSource(`events?after=${sequence}`);
  events.onmessage = ({ data }: MessageEvent<string>) => {
    const event = JSON.parse(data) as FlowEvent;
    heardAt = performance.now();
    age = { ms: event.ageMs, at: heardAt };
    if (event.reload || event.sequence > sequence + 1) return void reload().catch(() => {});
    if (event.sequence === sequence + 1 && event.patch !== undefined) view = patched(view, event.patch) as FlowView;
    sequence = Math.max(sequence, event.sequence);
    show();
  };
  // Nothing else tells a page without events that it is old.
  setInterval(show, 1000);
}
