import { execFile } from "node:child_process";
import { existsSync, globSync, readdirSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { expect, test, vi } from "vitest";
import { verbs } from "../../scripts/verbs.ts";
import { refusal } from "./command-line.ts";
import { checkout, inlineCode, pages, shellLines, shownCommands, textOf } from "./pages.ts";

// Reading the modules of some verbs takes seconds, on a busy machine many.
vi.setConfig({ testTimeout: 60_000 });

const run = promisify(execFile);
const warren = (...words: string[]) => run(path.join(checkout, "warren"), words, { cwd: checkout });

test.each(pages.flatMap((page) => shownCommands(page).map((words) => [page, words.join(" "), words] as const)))(
  "%s: ./warren %s is a command line that warren takes",
  async (_page, _text, words) => {
    expect(await refusal(words)).toBeUndefined();
  },
);

test.each([
  ["no-such-verb", "no verb"],
  ["lab no-such-host-verb", "no lab no-such-host-verb"],
  ["lab status --no-such-option", "unknown option"],
  ["lab kill", "host is missing"],
  ["lab --count many", "whole number"],
  ["flow --no-such-option", "unknown option"],
  ["up", "-s, --stack <stack> is missing"],
  ["preview -s lab --expect-changes", "unknown option --expect-changes"],
  ["agent nobody", "not one of"],
  ["test --only nothing", "is expected"],
])("a page that showed ./warren %s would fail", async (text, reason) => {
  expect(await refusal(text.split(" "))).toContain(reason);
});

test("the pages show enough commands for these tests to mean something", () => {
  expect(pages.flatMap(shownCommands).length).toBeGreaterThan(40);
});

test("README has every verb, and ./warren --help lists the same ones", async () => {
  const { stdout } = await warren("--help");
  for (const { name } of verbs) {
    expect(textOf("README.md")).toContain(`| \`./warren ${name}`);
    expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
  }
});

test("README's two commands are what CI and the lab's tests run", () => {
  expect(shellLines("README.md").slice(0, 2)).toEqual(["./warren lab", "./warren test"]);
  expect(textOf(".ci/run")).toContain("exec ./warren test");
  expect(textOf("package.json")).toContain('"test": "./warren test"');
});

test("the quick commands for one agent alone do what README says", async () => {
  const lines = shellLines("README.md");
  expect(lines).toContain("./warren agent puller --print-schema");
  expect(lines).toContain("./warren agent dispatcher --config agents/dispatcher/example.json --check-config");
  const schema = await warren("agent", "puller", "--print-schema");
  expect(JSON.parse(schema.stdout)).toMatchObject({ type: "object" });
  const checked = await warren("agent", "dispatcher", "--config", "agents/dispatcher/example.json", "--check-config");
  expect(checked.stdout).toContain("good");
});

test.each(pages)("%s: every link leads somewhere in this folder, or is https", (page) => {
  const targets = [...textOf(page).matchAll(/\]\(([^)]+)\)/g)].map((match) => match[1] ?? "");
  const broken = targets.filter((target) => !target.startsWith("https://") && !existsSync(path.join(checkout, target)));
  expect(broken).toEqual([]);
});

/** What a person makes, and git doesn't keep. */
const made = /^(stacks\/.*\.passphrase|keys\/.*)$/;

test.each(pages)("%s: every file and folder of the project that it names is there", (page) => {
  const folders = /^(agents|infra|scripts|templates|stacks|docs)\/[\w./-]+$|^[\w.-]+\.(md|cjs|json|yaml)$/;
  const words = [...inlineCode(page), ...shellLines(page).flatMap((line) => line.split(/\s+/))];
  const named = words.filter((word) => folders.test(word) && !made.test(word) && word !== "example.json");
  const missing = named.filter((word) => !existsSync(path.join(checkout, word)) && word !== "dispatcher.json");
  expect(missing.filter((word) => globSync(`**/${word}`, { cwd: checkout, exclude: notOurs }).length === 0)).toEqual(
    [],
  );
});

const notOurs = (name: string) => name === "node_modules" || name.startsWith(".");

test("ARCHITECTURE has every folder of agents, infra, scripts and tests", () => {
  const text = textOf("ARCHITECTURE.md");
  for (const top of ["agents", "infra", "scripts", "tests"]) {
    const folders = readdirSync(path.join(checkout, top), { withFileTypes: true }).filter((one) => one.isDirectory());
    for (const { name } of folders) expect(text).toContain(`\`${top}/${name}\``);
  }
});

test.each([...pages, "docs/message-path.svg"])("%s speaks of no machine but the reader's", (page) => {
  expect(textOf(page)).not.toMatch(/\/work\/|\/root\/|\/home\/|localhost:\d/);
});
