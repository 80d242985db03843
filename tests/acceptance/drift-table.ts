import { formatColumns } from "../../scripts/lib/table.ts";
import type { DriftRow } from "./drift-rows.ts";

interface Line {
  readonly what: string;
  readonly where: string;
  readonly said: string;
  readonly repaired: string;
}

const lines: Line[] = [];

/** Notes one row of the matrix, once it was seen to be said and repaired. */
export function noteRow(row: DriftRow): void {
  lines.push({
    what: row.what,
    where: row.where,
    said: row.says.map((said) => (typeof said === "string" ? said : said.source.replaceAll("\\", ""))).join(": "),
    repaired: row.mends.join(", "),
  });
}

/** Notes what is said and, by intent, not mended. */
export const noteSaid = (what: string, where: string, said: string): void => {
  lines.push({ what, where, said, repaired: "left as it is" });
};

/** The matrix of everything noted so far. */
export function driftTable(): string {
  const head = ["drift", "of", "said by preview", "mended by up"];
  const rows = lines.map(({ what, where, said, repaired }) => [what, where, said, repaired]);
  return `\n${formatColumns([head, ...rows])}\n`;
}
