import { globSync } from "node:fs";
import { expect, test } from "vitest";
import { checkout, textOf } from "./pages.ts";
import { avoidedWords, findAvoided, proseOf, proseOfModule, proseOfPage } from "./words.ts";

/** Places where an avoided word is right, each with the reason. */
const allowed: readonly { readonly file: RegExp; readonly text: RegExp; readonly reason: string }[] = [
  { file: /^docs\/glossary\.md$/, text: /./, reason: "lists the words" },
  { file: /^tests\/docs\/words(\.test)?\.ts$/, text: /./, reason: "lists the words" },
  { file: /^scripts\/inspect\/verify\.ts$/, text: /--json: \{/, reason: "a key of --json" },
  { file: /./, text: /noControlCharactersInRegex/, reason: "the linter's own sentence" },
  { file: /\/former-[\w.-]+\.ts$/, text: /./, reason: "messages of earlier versions, which are still recognised" },
];

const files = globSync(
  ["*.md", "docs/**/*.md", "stacks/*.yaml", "{agents,docs,infra,scripts,templates,tests}/**/*.ts", "templates/*.hbs"],
  { cwd: checkout },
);

test("prose has none of the words that readers have to translate", { timeout: 60_000 }, () => {
  expect(files.length).toBeGreaterThan(1000);
  const found = files
    .flatMap((file) => findAvoided(proseOf(checkout, file)))
    .filter(({ file, text }) => !allowed.some((place) => place.file.test(file) && place.text.test(text)));
  expect(
    found.map(
      ({ file, line, word, instead, text }) => `${file}:${line}: "${word}", write "${instead}": ${text.slice(0, 120)}`,
    ),
  ).toEqual([]);
});

test("every avoided word is in the glossary, with the word to use instead", () => {
  const rows = textOf("docs/glossary.md")
    .split("\n")
    .filter((line) => line.startsWith("| "));
  for (const { word } of avoidedWords)
    expect(
      rows.some((row) => row.split("|")[2]?.includes(word)),
      word,
    ).toBe(true);
});

test.each([
  ["a comment", "// All is whole again.\nconst a = 1;", ["whole"]],
  ["a doc comment over two lines", "/**\n * It is told\n * anew.\n */\nconst a = 1;", ["told", "anew"]],
  ["a message", 'throw new Error("the lack is gone");', ["lack"]],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the source of a template
  ["a template", "const text = `${host} goes on with it`;", ["go on"]],
  ["a name in backticks", "// See `anew`.\nconst a = 1;", []],
  ["an identifier", "const anew = whole(told);", []],
  ["one word alone, which may be a key", 'const key = "told";', []],
  ["told apart", "// The two can't be told apart.\nconst a = 1;", []],
])("%s: the words in it are found", (_, content, words) => {
  expect(findAvoided(proseOfModule("x.ts", content)).map(({ word }) => word)).toEqual(words);
});

test("commands of a page are no prose", () => {
  const page = "All is whole.\n\n```sh\n./warren told anew\n```\n\nUse `anew`.";
  expect(findAvoided(proseOfPage("x.md", page)).map(({ line, word }) => [line, word])).toEqual([[1, "whole"]]);
});
