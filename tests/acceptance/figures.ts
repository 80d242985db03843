import { formatColumns } from "../../scripts/lib/table.ts";

interface Figure {
  readonly what: string;
  readonly measured: string;
  readonly wanted: string;
}

const figures: Figure[] = [];

/** Notes a figure for the table at the end. `wanted` applies to two idle cores; tests assert wider bounds. */
export function note(what: string, measured: string, wanted = ""): void {
  figures.push({ what, measured, wanted });
}

export const noteSeconds = (what: string, seconds: number, wantedSeconds?: number): void =>
  note(what, `${seconds.toFixed(1)} s`, wantedSeconds === undefined ? "" : `${wantedSeconds} s`);

/** The table of everything noted so far. */
export function figuresTable(): string {
  const rows = figures.map(({ what, measured, wanted }) => [what, measured, wanted]);
  const table = formatColumns([["", "measured", "wanted"], ...rows], "", { isNumber: (column) => column > 0 });
  return `\n${table}\n`;
}
