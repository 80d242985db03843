import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { clock, duration } from "../format.ts";
import type { Found } from "../search.ts";
import type { State } from "../view.ts";
import { h } from "./element.ts";
import { Sign } from "./glyph.ts";

type Result = { readonly found: Found } | { readonly fault: string };

/** A product's sightings, hop by hop, as the auditor knows them. */
export const SearchSection = ({ nowMs }: { nowMs: number }): VNode => {
  const [result, setResult] = useState<Result | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);
  const search = async (event: Event): Promise<void> => {
    event.preventDefault();
    const field = (event.currentTarget as HTMLFormElement).elements.namedItem("name") as HTMLInputElement;
    if (field.value.trim() === "") return;
    setBusy(true);
    setResult(await ask(field.value.trim()));
    setBusy(false);
  };
  return h("section", { class: "search", "aria-labelledby": "search-title" }, [
    h("h2", { id: "search-title" }, "Find a product"),
    h("form", { onSubmit: search, role: "search" }, [
      h("label", { for: "search-name" }, "Name, path or md5"),
      h("div", { class: "field" }, [
        h("input", {
          id: "search-name",
          name: "name",
          type: "search",
          maxLength: 1000,
          autoComplete: "off",
          spellcheck: false,
        }),
        h("button", { type: "submit", disabled: isBusy }, "Find"),
      ]),
    ]),
    h("div", { "aria-live": "polite" }, result ? answerText(result, nowMs) : null),
  ]);
};

async function ask(name: string): Promise<Result> {
  try {
    const response = await fetch(`search?name=${encodeURIComponent(name)}`);
    const body = (await response.json()) as Found & { error?: string };
    return response.ok ? { found: body } : { fault: body.error ?? `the monitor answers ${response.status}` };
  } catch {
    return { fault: "the monitor does not answer" };
  }
}

function answerText(result: Result, nowMs: number): VNode {
  if ("fault" in result) return h("p", { class: "none" }, [h(Sign, { state: "warn", size: 14 }), ` ${result.fault}`]);
  const { path, state, word, hops, isCertain } = result.found;
  return h("div", { class: "hops" }, [
    h("p", {}, [
      h(Sign, { state: state as State, size: 14 }),
      " ",
      h("strong", {}, word),
      isCertain ? "" : " The auditor has a gap: it may have missed something.",
    ]),
    path === "" ? null : h("p", { class: "path-text" }, h("code", {}, path)),
    hops.length === 0
      ? null
      : h("table", {}, [
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              ["Time, UTC", "Hop", "Where", "After"].map((text) => h("th", { scope: "col" }, text)),
            ),
          ),
          h(
            "tbody",
            {},
            hops.map(({ atMs, what, where }) =>
              h("tr", {}, [
                h("td", { class: "time" }, clock(atMs, nowMs)),
                h("td", {}, what),
                h("td", {}, where),
                h(
                  "td",
                  { class: "number" },
                  atMs === hops[0]?.atMs ? "" : duration(Math.max(0, atMs - (hops[0]?.atMs ?? 0)) / 1000),
                ),
              ]),
            ),
          ),
        ]),
  ]);
}
