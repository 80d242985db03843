import type { Answered } from "../lib/ask-json.ts";
import type { Figures } from "./queries.ts";
import type { History, Range } from "./view.ts";

/** Where the page's figures come from. Faults are values, so no method rejects. */
export interface FlowSource {
  figures(nowMs: number): Promise<Answered<Figures>>;
  history(range: Range, nowMs: number): Promise<Answered<History>>;
}
