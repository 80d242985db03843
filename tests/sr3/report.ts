import { formatColumns } from "../../scripts/lib/table.ts";

/** One run of sr3 against our agents. */
export interface Run {
  /** E.g. `watch v02`. */
  readonly name: string;
  /** Files that the source posted, or that were announced to the client. */
  readonly posted: number;
  /** Messages about folders, links and removals, which the bridge passed over. */
  readonly passedOver: number;
  /** Files that arrived, with their content. */
  readonly heard: number;
  /** Dead letters, and files that no announcement could express: how often for each reason. */
  readonly setAside: Readonly<Record<string, number>>;
  /** Paths of posted files that did not arrive, set aside or lost. */
  readonly missing: readonly string[];
  /** Files that were dispatched, or fetched by the client, a second time. */
  readonly repeated: number;
}

/** A table for people, one line for each run. */
export function formatRuns(runs: readonly Run[]): string {
  const head = ["run", "posted", "heard", "passed over", "set aside", "missing", "repeated"];
  const rows = runs.map(({ name, posted, heard, passedOver, setAside, missing, repeated }) => {
    const aside = Object.entries(setAside).map(([reason, count]) => `${count} ${reason}`);
    return [
      name,
      String(posted),
      String(heard),
      String(passedOver),
      aside.join(", ") || "0",
      String(missing.length),
      String(repeated),
    ];
  });
  return formatColumns([head, ...rows]);
}
