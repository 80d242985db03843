import type { AdoptedStack } from "../../../infra/adopt/stack.ts";
import { formatColumns } from "../../lib/table.ts";

/** The tables for people: what was found and what became of it, then what could not be expressed. */
export function formatAdoption({ counts, unexpressed }: AdoptedStack): string {
  const rows = [["", "found", "in the stack", ""], ...counts.map(countRow)];
  const isNumber = (column: number) => column === 1 || column === 2;
  const table = formatColumns(rows, "  ", { gap: "   ", isNumber });
  const list = unexpressed.flatMap(({ place, what, consequence }) => [
    `  ${place}`,
    `      ${what}`,
    `      -> ${consequence}`,
  ]);
  const head =
    unexpressed.length > 0 ? ["", `not expressed: ${unexpressed.length}`, ...list] : ["", "not expressed: nothing"];
  return `${[table, ...head].join("\n")}\n`;
}

/** Names shown beside the numbers. */
const namesMax = 6;

function countRow({ kind, found, adopted, names }: AdoptedStack["counts"][number]): string[] {
  const unique = [...new Set(names)];
  const more = unique.length > namesMax ? ` … and ${unique.length - namesMax} more` : "";
  return [kind, String(found), String(adopted), `${unique.slice(0, namesMax).join(" ")}${more}`];
}
