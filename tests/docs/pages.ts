import { readFileSync } from "node:fs";
import path from "node:path";

export const checkout = path.resolve(import.meta.dirname, "../..");

/** What a person reads first, and what its tests hold it to. */
export const pages = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/runbook.md"] as const;

export const textOf = (file: string): string => readFileSync(path.join(checkout, file), "utf8");

/** Lines of the shell blocks of a page, without comments; a line that goes on with a backslash is one. */
export function shellLines(page: string): string[] {
  const blocks = [...textOf(page).matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? "");
  return blocks
    .flatMap((block) => block.replaceAll("\\\n", " ").split("\n"))
    .map((line) => line.replace(/(^|\s)#.*$/, "").trim())
    .filter((line) => line !== "");
}

/** Texts in backquotes outside of blocks. */
export function inlineCode(page: string): string[] {
  const prose = textOf(page).replace(/^( *)```[\s\S]*?^\1```$/gm, "");
  return [...prose.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? "");
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
