/** Rows of words in columns of equal width, two blanks between; the first row is their head. */
export function formatColumns(rows: readonly (readonly string[])[], indent = ""): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => row.map((word, column) => word.padEnd(widths[column] ?? 0)).join("  ");
  return rows.map((row) => `${indent}${line(row)}`.trimEnd()).join("\n");
}
