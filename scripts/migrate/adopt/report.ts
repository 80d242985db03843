import type { AdoptedStack } from "../../../infra/adopt/stack.ts";

/** The tables that a person reads: what was found and what became of it, then what could not be expressed. */
export function formatAdoption({ counts, unexpressed }: AdoptedStack): string {
  const rows = [["", "found", "in the stack", ""], ...counts.map(countRow)];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => {
    const [kind = "", found = "", adopted = "", names = ""] = row;
    return `  ${kind.padEnd(widths[0] ?? 0)}   ${found.padStart(widths[1] ?? 0)}   ${adopted.padStart(widths[2] ?? 0)}   ${names}`.trimEnd();
  });
  const list = unexpressed.flatMap(({ place, what, consequence }) => [
    `  ${place}`,
    `      ${what}`,
    `      -> ${consequence}`,
  ]);
  const head =
    unexpressed.length > 0 ? ["", `not expressed: ${unexpressed.length}`, ...list] : ["", "not expressed: nothing"];
  return `${[...lines, ...head].join("\n")}\n`;
}

/** So many names fit beside the numbers. */
const namesMax = 6;

function countRow({ kind, found, adopted, names }: AdoptedStack["counts"][number]): string[] {
  const unique = [...new Set(names)];
  const more = unique.length > namesMax ? ` … and ${unique.length - namesMax} more` : "";
  return [kind, String(found), String(adopted), `${unique.slice(0, namesMax).join(" ")}${more}`];
}
