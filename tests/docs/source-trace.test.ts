import { existsSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { checkout, textOf } from "./pages.ts";
import { notShown } from "./shown.ts";
import { chapters, proofs } from "./source-trace.ts";
import type { Proof } from "./trace.ts";

// These tests check that the named tests exist. `./warren test` checks at its end, from the suites' reports, that they ran and passed.

const lines = chapters.flatMap((chapter) => chapter.lines);

/** A title as it appears in a source file, with any kind of quotes. */
const quoted = (title: string) => [JSON.stringify(title), `'${title}'`, `\`${title}\``];

test.each(proofs)("%s has the test: %s", (file, title) => {
  expect(existsSync(path.join(checkout, file))).toBe(true);
  const text = textOf(file);
  expect(quoted(title).some((form) => text.includes(form))).toBe(true);
});

test("a proof is shown by a test that passed, in its own file where that has tests, and by nothing else", () => {
  const wanted: Proof[] = [
    ["a.test.ts", "is (good)"],
    ["rows.ts", "moves at: $title"],
  ];
  const good = { file: "a.test.ts", name: "a broker is (good) at once" };
  const moved = { file: "b.test.ts", name: "the address moves at: a fault" };
  expect(notShown(wanted, [good, moved])).toEqual([]);
  expect(notShown(wanted, [moved, { ...good, file: "b.test.ts" }])).toEqual([wanted[0]]);
  expect(notShown(wanted, [good, { ...moved, name: "the address stays at: a fault" }])).toEqual([wanted[1]]);
  expect(notShown(wanted, [])).toEqual(wanted);
});

test("no line of the requirement is there twice, and each says what warren does", () => {
  expect(new Set(lines.map(({ line }) => line)).size).toBe(lines.length);
  expect(lines.filter(({ does }) => does === "")).toEqual([]);
});

test("docs/source-trace.md is the table of it, and says what nothing shows yet", async () => {
  await expect(page()).toMatchFileSnapshot(path.join(checkout, "docs/source-trace.md"));
});

function page(): string {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  const code = (text: string) => (text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``);
  const open = lines.filter((line) => line.proofs.length === 0).length;
  return [
    "# The requirement, line by line",
    "",
    "Find out how warren meets each line of the requirement, and which test proves it.",
    "",
    "The tables have every command, setting and example of the requirement, and each sentence that says what is to happen. A test writes this page",
    "from `tests/docs/trace-*.ts`. `./warren test` fails if one of these tests did not run and pass. `%s` and `$name` stand for values in a title.",
    "",
    open === 0 ? "Every line has its test." : `**${open} of ${lines.length} lines have no test yet.**`,
    ...chapters.flatMap((chapter) => [
      "",
      `## ${chapter.title}`,
      "",
      "| the requirement | warren | proved by |",
      "| --- | --- | --- |",
      ...chapter.lines.map(({ line, does, proofs }) => {
        const shown = proofs.map(([file, title]) => `${title} (\`${path.basename(file)}\`)`).join("<br>");
        return `| ${cell(code(line))} | ${cell(does)} | ${cell(shown || "**nothing yet**")} |`;
      }),
    ]),
    "",
  ].join("\n");
}
