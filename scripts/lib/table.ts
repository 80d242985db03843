import { stripVTControlCharacters, styleText } from "node:util";

/** So many names are shown of each kind of fault: enough to start looking, and the table stays in sight. */
export const namesShown = 5;

export type Row = readonly [label: string, value: string];

/** One part of a report: its rows, what is wrong, what is worth knowing. */
export interface Section {
  /** Left out: the report has no other one. */
  readonly title?: string;
  readonly rows: readonly Row[];
  readonly complaints: readonly string[];
  readonly notes: readonly string[];
}

/** Sections one below the other, in one table: values of all stand in one column. Ends with a newline. */
export function formatSections(sections: readonly Section[], color: boolean): string {
  const paint = painter(color);
  const width = Math.max(...sections.flatMap(({ rows }) => rows.map(([label]) => label.length)));
  const lines = sections.flatMap(({ title, rows, complaints, notes }, index) => [
    ...(index > 0 ? [""] : []),
    ...(title === undefined ? [] : [title]),
    ...rows.map(([label, value]) => `  ${label.padEnd(width)}   ${value}`),
    ...separated(complaints.map((line) => `${paint("red", "✗")} ${line}`)),
    ...separated(notes.map((line) => `${paint("yellow", "!")} ${line}`)),
  ]);
  return [...lines, ""].join("\n");
}

function separated(lines: readonly string[]): string[] {
  return lines.length > 0 ? ["", ...lines] : [];
}

/** `a 1   b 2`. */
export function byHost(values: Readonly<Record<string, number>>, unit = ""): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value}${unit}`)
    .join("   ");
}

export function andMore(total: number): string[] {
  return total > namesShown ? [`… and ${total - namesShown} more`] : [];
}

type Style = Parameters<typeof styleText>[0];

/** Paints where there is color, and else gives the text as it is. */
export const painter =
  (color: boolean) =>
  (style: Style, text: string): string =>
    color ? styleText(style, text, { validateStream: false }) : text;

export interface Layout {
  /** Between columns. */
  readonly gap?: string;
  /** Columns of numbers, which end in one line: by their place in the row, from 0. */
  readonly isNumber?: (column: number) => boolean;
}

/** Rows of words in columns of equal width; the first row may be their head. Painted words take the room of what is seen. Without a newline at the end. */
export function formatColumns(
  rows: readonly (readonly string[])[],
  indent = "",
  { gap = "  ", isNumber = () => false }: Layout = {},
): string {
  const lengthOf = (word: string): number => stripVTControlCharacters(word).length;
  const widths: number[] = [];
  for (const row of rows)
    for (const [at, word] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, lengthOf(word));
  const padded = (word: string, at: number): string => {
    const room = " ".repeat((widths[at] ?? 0) - lengthOf(word));
    return isNumber(at) ? room + word : word + room;
  };
  return rows.map((row) => `${indent}${row.map(padded).join(gap)}`.trimEnd()).join("\n");
}

/** Counts: none is good, and all of them are. */
export function judges(color: boolean) {
  const paint = painter(color);
  return {
    none: (value: number): string => paint(value === 0 ? "green" : "red", String(value)),
    all: (value: number, of: number): string => paint(value === of ? "green" : "red", `${value} of ${of}`),
  };
}
