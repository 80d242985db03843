import { execFile } from "node:child_process";
import { existsSync, globSync, readdirSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { expect, test, vi } from "vitest";
import { steps } from "../../scripts/inspect/verify/judge.ts";
import { verbs } from "../../scripts/verbs.ts";
import { refusal } from "./command-line.ts";
import {
  allPages,
  anchors,
  checkout,
  docsPages,
  firstColumn,
  inlineCode,
  pages,
  shellLines,
  shownCommands,
  textOf,
} from "./pages.ts";

// Loading the modules of some verbs takes seconds, and many on a busy machine.
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

test("docs/verbs.md has every verb, and ./warren --help lists the same ones", async () => {
  const { stdout } = await warren("--help");
  for (const { name } of verbs) {
    expect(textOf("docs/verbs.md")).toContain(`| \`./warren ${name}`);
    expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
  }
});

test("README's two commands are what CI and the lab's tests run", () => {
  expect(shellLines("README.md").slice(0, 2)).toEqual(["./warren lab", "./warren test"]);
  expect(textOf(".ci/run")).toContain("exec ./warren test");
  expect(textOf("package.json")).toContain('"test": "./warren test"');
});

test("the commands for one agent alone do what docs/agents.md says", async () => {
  const lines = shellLines("docs/agents.md");
  expect(lines).toContain("./warren agent puller --print-schema");
  expect(lines).toContain("./warren agent dispatcher --config agents/dispatcher/example.json --check-config");
  const schema = await warren("agent", "puller", "--print-schema");
  expect(JSON.parse(schema.stdout)).toMatchObject({ type: "object" });
  const checked = await warren("agent", "dispatcher", "--config", "agents/dispatcher/example.json", "--check-config");
  expect(checked.stdout).toContain("good");
});

test.each(allPages)("%s: every link leads to a page and a heading in this folder, or is https", (page) => {
  const targets = [...textOf(page).matchAll(/\]\(([^)]+)\)/g)].map((match) => match[1] ?? "");
  const broken = targets.filter((target) => {
    if (target.startsWith("https://")) return false;
    const [file = "", anchor] = target.split("#");
    const to = file === "" ? page : path.join(path.dirname(page), file);
    return !existsSync(path.join(checkout, to)) || (anchor !== undefined && !anchors(to).includes(anchor));
  });
  expect(broken).toEqual([]);
});

test("README has at most 250 lines, and docs/index.md leads to every page", () => {
  expect(textOf("README.md").split("\n").length).toBeLessThanOrEqual(250);
  expect(textOf("README.md")).toContain("(docs/index.md)");
  const index = textOf("docs/index.md");
  const others = docsPages.map((page) => path.basename(page)).filter((name) => name !== "index.md");
  expect(others.filter((name) => !index.includes(`](${name})`))).toEqual([]);
});

test.each(docsPages)("%s begins with one sentence: what it helps you do", (page) => {
  const [title = "", first = ""] = textOf(page).split("\n\n");
  expect(title).toMatch(/^# \S.*$/);
  expect(first.replaceAll("\n", " ")).toMatch(/^[A-Z][^#|`]+\.$/);
});

/** Files that a person creates and git ignores, and placeholders. */
const made = /^(stacks\/(.*\.passphrase|Pulumi\.STACK\.yaml)|keys\/.*)$/;

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

/** What the program prints, by the pages: each part of a message between its values. */
const printed = ["docs/troubleshooting.md", "docs/runbook.md"].flatMap((page) =>
  firstColumn(page, ["it prints", "reason"]).flatMap((message) =>
    message
      .split(/…|\b[A-Z]+(?:@[A-Z]+)?\b|:|\d+/)
      .map((part) => part.replace(/^[^a-z]+|[^a-z]+$/g, ""))
      .filter((part) => part.length > 6)
      .map((part) => [page, part] as const),
  ),
);

test.each(printed)("%s quotes what the program prints: %s", (_page, part) => {
  expect(sources().some((text) => text.includes(part))).toBe(true);
});

test("docs/troubleshooting.md has every step of verify, by its name", () => {
  const quoted = firstColumn("docs/troubleshooting.md", ["broken step"]);
  expect([...new Set(quoted)].toSorted()).toEqual([...new Set(steps.map(({ name }) => name))].toSorted());
});

let read: string[] | undefined;
const sources = (): string[] => {
  read ??= globSync("{agents,infra,scripts}/**/*.ts", { cwd: checkout })
    .filter((file) => !file.endsWith(".test.ts"))
    .map(textOf);
  return read;
};

test("ARCHITECTURE has every folder of agents, infra, scripts and tests", () => {
  const text = textOf("ARCHITECTURE.md");
  for (const top of ["agents", "infra", "scripts", "tests"]) {
    const folders = readdirSync(path.join(checkout, top), { withFileTypes: true }).filter((one) => one.isDirectory());
    for (const { name } of folders) expect(text).toContain(`\`${top}/${name}\``);
  }
});

test.each([...allPages, "docs/message-path.svg"])("%s names no folder or port of a developer's machine", (page) => {
  expect(textOf(page)).not.toMatch(/\/work\/|\/root\/|\/home\/|localhost:\d/);
});
