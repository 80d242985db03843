import { globSync, readFileSync } from "node:fs";
import path from "node:path";

export const checkout = path.resolve(import.meta.dirname, "../..");

/** Pages that programs write: `page.test.ts` of `infra/model/alerts`, `infra/checks/matrix.test.ts` and `source-trace.test.ts`. */
const generated: readonly string[] = ["docs/alerts.md", "docs/checks.md", "docs/source-trace.md"];

/** Every page in `docs`. */
export const docsPages: readonly string[] = globSync("docs/*.md", { cwd: checkout }).toSorted();

/** Every page, with links and a beginning of its own. */
export const allPages: readonly string[] = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", ...docsPages];

/** The pages that people write: their commands, names, figures and messages are tested. */
export const pages: readonly string[] = allPages.filter((page) => !generated.includes(page));

export const textOf = (file: string): string => readFileSync(path.join(checkout, file), "utf8");

/** Lines of the shell blocks of a page, without comments; a line that continues after a backslash is one. Blocks may be indented. */
export function shellLines(page: string): string[] {
  const blocks = [...textOf(page).matchAll(/^( *)```sh\n([\s\S]*?)^\1```$/gm)].map((match) => match[2] ?? "");
  return blocks
    .flatMap((block) => block.replaceAll("\\\n", " ").split("\n"))
    .map((line) => line.replace(/(^|\s)#.*$/, "").trim())
    .filter((line) => line !== "");
}

const withoutBlocks = (page: string): string => textOf(page).replace(/^( *)```[\s\S]*?^\1```$/gm, "");

/** Texts in backquotes outside of blocks. */
export function inlineCode(page: string): string[] {
  return [...withoutBlocks(page).matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? "");
}

/** Texts in backquotes in the first column of the tables of a page whose first heading is one of these. */
export function firstColumn(page: string, headings: readonly string[]): string[] {
  const tables = withoutBlocks(page).match(/^\|(?:.*\n)\|[-|]+\|\n(?:\|.*\n)+/gm) ?? [];
  return tables.flatMap((table) => {
    const [heading = "", , ...rows] = table.split("\n").map((row) => row.split("|")[1]?.trim() ?? "");
    if (!headings.includes(heading)) return [];
    return rows.flatMap((cell) =>
      [...cell.matchAll(/`` ?(.+?) ?``|`([^`]+)`/g)].map((match) => match[1] ?? match[2] ?? ""),
    );
  });
}

/** The name that a link uses for a heading, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

export function anchors(page: string): string[] {
  return [...withoutBlocks(page).matchAll(/^#+ (.+)$/gm)].map((match) => anchorOf(match[1] ?? ""));
}

/** Words that stand for something of the reader's, with what a test puts there. */
const placeholders: Readonly<Record<string, string>> = {
  STACK: "lab",
  HOST: "urp-1",
  "HOST…": "urp-1",
  COMMAND: "true",
  NAME: "dispatcher",
  FILE: "dispatcher.json",
  URL: "file:///tmp",
  KIND: "vip",
};

/** Every `./warren …` that a page shows, in blocks and in prose, as the words after the program's name. */
export function shownCommands(page: string): string[][] {
  const commands = [...shellLines(page), ...inlineCode(page)].flatMap((text) =>
    [...text.matchAll(/\.\/warren\s+([^|)]+)/g)].map((match) => match[1] ?? ""),
  );
  return commands.map((command) => splitWords(command.trim()));
}

function splitWords(command: string): string[] {
  const words = command.match(/'[^']*'|"[^"]*"|[^\s'"]+/g) ?? [];
  return words
    .map((word) => word.replace(/^(['"])(.*)\1$/, "$2"))
    .filter((word) => word !== "…")
    .map((word) => placeholders[word] ?? word);
}
