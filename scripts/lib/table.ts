import { stripVTControlCharacters, styleText } from "node:util";

/** Names shown for each kind of fault: enough to start with, and few enough to keep the table in view. */
export const namesShown = 5;

export type Row = readonly [label: string, value: string];

/** One section of a report: its rows, faults and notes. */
export interface Section {
  /** Omitted if the report has one section only. */
  readonly title?: string;
  readonly rows: readonly Row[];
  readonly complaints: readonly string[];
  readonly notes: readonly string[];
}

/** Sections one below the other, with all values in one column. Ends with a newline. */
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

/** Colors the text if colors are on. */
export const painter =
  (color: boolean) =>
  (style: Style, text: string): string =>
    color ? styleText(style, text, { validateStream: false }) : text;

export interface Layout {
  /** Between columns. */
  readonly gap?: string;
  /** Indexes of number columns, from 0, which are aligned to the right. */
  readonly isNumber?: (column: number) => boolean;
}

/** Aligns rows of cells in columns; the first row may be a header. Color codes don't count as width. No newline at the end. */
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

/** Colors a count: zero is good, or all of them are. */
export function judges(color: boolean) {
  const paint = painter(color);
  return {
    none: (value: number): string => paint(value === 0 ? "green" : "red", String(value)),
    all: (value: number, of: number): string => paint(value === of ? "green" : "red", `${value} of ${of}`),
  };
}
