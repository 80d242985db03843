import type { VNode } from "preact";
import type { State } from "../view.ts";
import { h } from "./element.ts";

/** Each state has a word for those who don't see the sign. */
export const stateWords: Readonly<Record<State, string>> = {
  ok: "healthy",
  warn: "warning",
  bad: "fault",
  unknown: "unknown",
};

/** The outline of each state's sign, 16 by 16: circle, triangle, octagon, dashed circle. */
const outlines: Readonly<Record<State, string>> = {
  ok: "M8 1.2a6.8 6.8 0 1 1 0 13.6a6.8 6.8 0 1 1 0-13.6z",
  warn: "M8 1L15.6 14.6H.4z",
  bad: "M4.9.8h6.2l4.1 4.1v6.2l-4.1 4.1H4.9L.8 11.1V4.9z",
  unknown: "M8 1.6a6.4 6.4 0 1 1 0 12.8a6.4 6.4 0 1 1 0-12.8z",
};
const marks: Readonly<Record<State, string>> = {
  ok: "M4.6 8.2l2.4 2.5 4.5-5",
  warn: "M8 5.6v4.2M8 11.9v.9",
  bad: "M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6",
  unknown: "M6.2 6.4a1.9 1.9 0 1 1 2.4 2c-.5.2-.6.5-.6 1.1M8 11.4v.8",
};

/** The sign of a state within an SVG. */
export const sign = (state: State, x: number, y: number, size = 14): VNode =>
  h("g", { class: `sign ${state}`, transform: `translate(${x} ${y}) scale(${size / 16})` }, [
    h("path", { class: "outline", d: outlines[state] }),
    h("path", { class: "mark", d: marks[state] }),
  ]);

/** The sign as a picture of its own, with its word for screen readers. */
export const Sign = ({ state, size = 16 }: { state: State; size?: number }): VNode =>
  h(
    "svg",
    { class: "glyph", viewBox: "0 0 16 16", width: size, height: size, role: "img", "aria-label": stateWords[state] },
    [sign(state, 0, 0, 16)],
  );
