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
  const rows = [{ what: "drift", where: "of", said: "said by preview", repaired: "mended by up" }, ...lines];
  const width = (key: keyof Line) => Math.max(...rows.map((row) => row[key].length));
  const text = rows.map(({ what, where, said, repaired }) =>
    [what.padEnd(width("what")), where.padEnd(width("where")), said.padEnd(width("said")), repaired]
      .join("  ")
      .trimEnd(),
  );
  return `\n${text.join("\n")}\n`;
}
