import { readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";

/** An expression that readers have to translate, and the field's term for it. */
export interface AvoidedWord {
  readonly word: string;
  readonly pattern: RegExp;
  readonly instead: string;
}

/** What `docs/glossary.md` lists under "Words we avoid"; a test compares the two. */
export const avoidedWords: readonly AvoidedWord[] = [
  {
    word: "whole",
    pattern: /\b(?:is|are|be|was|were|all|and|not|again|until|when) whole\b(?! \w)|\bwhole again\b/,
    instead: "healthy, complete",
  },
  { word: "lack", pattern: /\b(?:a|the|no|any|every|each|what (?:it|they)) lacks?\b/, instead: "problem, missing" },
  { word: "told", pattern: /\btold\b(?! (?:apart|to))/, instead: "reported, logged" },
  { word: "stand back", pattern: /\b(?:stands?|standing|stood) back\b/, instead: "step aside" },
  { word: "give back", pattern: /\b(?:gives?|given|giving|gave) back\b/, instead: "requeue, return" },
  { word: "put aside", pattern: /\bput(?:s|ting)? aside\b/, instead: "dead-letter, set aside" },
  {
    word: "go on",
    pattern: /(?<!come and )\b(?:goes|go|going|went|gone) on\b(?! (?:the|a|to|\d))/,
    instead: "continue",
  },
  { word: "come to an end", pattern: /\b(?:comes?|came|coming) to an end\b/, instead: "stop" },
  { word: "doubt", pattern: /\bdoubt(?:s|ed|ful)?\b/, instead: "unconfirmed" },
  { word: "well", pattern: /\b(?:is|are|be|was|were|not) (?:un)?well\b/, instead: "healthy" },
  { word: "anew", pattern: /\banew\b/, instead: "again, from scratch" },
  { word: "mend", pattern: /\bmend(?:s|ed|ing)?\b/, instead: "repair, fix" },
  {
    word: "look",
    pattern: /\b(?:a|one|each|every|two|next|first|last|the|this|its) looks?\b/,
    instead: "check, poll, snapshot, scan",
  },
  { word: "legal and yet wrong", pattern: /\blegal and yet\b|\band yet wrong\b/, instead: "valid but unsafe" },
  { word: "road", pattern: /\broads?\b/, instead: "path" },
  { word: "unspeakable", pattern: /\bunspeakable\b/, instead: "not valid UTF-8" },
  { word: "whoever", pattern: /\bWhoever\b/, instead: "a noun" },
  { word: "the stack places", pattern: /\bthe stack places\b/, instead: "deployed" },
];

/** One piece of text for people: where it begins, and what it says. */
export interface Prose {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** An avoided word in a text. */
export interface Finding extends Prose, Pick<AvoidedWord, "word" | "instead"> {}

/** Lines of fenced code and words in backticks are names and commands, not prose. */
export function proseOfPage(file: string, content: string): Prose[] {
  let isCode = false;
  return content.split("\n").flatMap((text, index) => {
    if (/^\s*```/.test(text)) isCode = !isCode;
    return isCode || text.trim() === "" ? [] : [{ file, line: index + 1, text: withoutNames(text) }];
  });
}

/** Comments after `#`, as stacks and templates have them. */
export function proseOfComments(file: string, content: string): Prose[] {
  return content.split("\n").flatMap((line, index) => {
    const text = /(?:^|\s)#\s(.*)$/.exec(line)?.[1];
    return text === undefined ? [] : [{ file, line: index + 1, text: withoutNames(text) }];
  });
}

/** Comments of a module, and those of its strings that are sentences: with a space between words. */
export function proseOfModule(file: string, content: string): Prose[] {
  const source = ts.createSourceFile(file, content, ts.ScriptTarget.Latest);
  const found = new Map<number, string>();
  const visit = (node: ts.Node): void => {
    for (const { pos, end } of ts.getLeadingCommentRanges(content, node.pos) ?? [])
      found.set(pos, content.slice(pos, end));
    for (const { pos, end } of ts.getTrailingCommentRanges(content, node.end) ?? [])
      found.set(pos, content.slice(pos, end));
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      if (/\w,? \w/.test(node.text) && !ts.isImportDeclaration(node.parent ?? node))
        found.set(node.pos + 1_000_000_000, node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  ts.getLeadingCommentRanges(content, source.endOfFileToken.pos)?.forEach(({ pos, end }) => {
    found.set(pos, content.slice(pos, end));
  });
  return [...found].map(([at, text]) => ({
    file,
    line: source.getLineAndCharacterOfPosition(at % 1_000_000_000).line + 1,
    text: withoutNames(text.replace(/\s+(?:\*|\/\/)\s+/g, " ")),
  }));
}

/** The prose of one of the project's files, by its kind; nothing where no avoided word is in it. */
export function proseOf(checkout: string, file: string): Prose[] {
  const content = readFileSync(path.join(checkout, file), "utf8");
  // Most files have none of these words, and needn't be parsed.
  if (!avoidedWords.some(({ pattern }) => pattern.test(content.replace(/\s+(?:\*|\/\/)\s+/g, " ")))) return [];
  if (file.endsWith(".ts")) return proseOfModule(file, content);
  return file.endsWith(".md") ? proseOfPage(file, content) : proseOfComments(file, content);
}

export function findAvoided(prose: readonly Prose[]): Finding[] {
  return prose.flatMap((piece) =>
    avoidedWords
      .filter(({ pattern }) => pattern.test(piece.text))
      .map(({ word, instead }) => ({ ...piece, word, instead })),
  );
}

const withoutNames = (text: string): string => text.replace(/`[^`]*`/g, "`…`");
