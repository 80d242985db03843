import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import { formatColumns } from "../scripts/lib/table.ts";

/** The checkout, in which every suite runs. */
const checkout = path.resolve(import.meta.dirname, "..");

/** Result of a suite, or of one step of the check. */
export interface SuiteResult {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
  /** Reasons for a failure outside tests, and output that was not shown during the run. */
  readonly notes: readonly string[];
  /** File, name and first lines of the reason of each failed test, to be printed at the end. */
  readonly failures?: readonly string[];
  /** Slow tests, slowest first. */
  readonly slowest?: readonly SlowTest[];
  /** Tests that ran and passed. */
  readonly passedTests?: readonly PassedTest[];
}

export interface PassedTest {
  /** Relative to the checkout. */
  readonly file: string;
  /** With the names of its groups. */
  readonly name: string;
}

export interface SlowTest {
  readonly name: string;
  readonly seconds: number;
}

/** The part of vitest's JSON report that is used. */
export interface VitestReport {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName?: string;
      /** Names of its groups, outermost first. */
      readonly ancestorTitles?: readonly string[];
      readonly title?: string;
      readonly failureMessages?: readonly string[];
      /** Milliseconds. */
      readonly duration?: number | null;
    }[];
  }[];
}

/**
 * Counts a report. Skipped tests count as failed, because a test that can't run here proves nothing. Also failures: a file that fails
 * outside its tests, a run that fails although every test passed (an uncaught error), and a run without tests. With `pattern`, other
 * tests are left out, and a run may have none.
 */
export function countReport(
  report: VitestReport | undefined,
  exitCode: number,
  pattern?: RegExp,
): Omit<SuiteResult, "name" | "seconds"> {
  let passed = 0;
  let failed = 0;
  const notes: string[] = [];
  const failures: string[] = [];
  for (const file of report?.testResults ?? []) {
    const failedBefore = failed;
    for (const test of file.assertionResults) {
      // As vitest matches it.
      const name = [...(test.ancestorTitles ?? []), test.title ?? ""].join(" > ");
      if (pattern && !pattern.test(name)) continue;
      if (test.status === "passed") passed += 1;
      else failed += 1;
      if (test.status === "failed") failures.push(describeFailure(file.name, test.fullName, test.failureMessages?.[0]));
      if (test.status !== "passed" && test.status !== "failed")
        notes.push(`${test.status}: ${test.fullName ?? file.name}`);
    }
    if (file.status === "failed" && failed === failedBefore) {
      failed += 1;
      notes.push(
        `${path.relative(checkout, file.name)}: ${file.message?.split("\n")[0] || "failed outside its tests"}`,
      );
    }
  }
  if (passed + failed === 0 && pattern && report && exitCode === 0) {
    notes.push(`no test's name matches ${pattern.source}`);
  } else if (passed + failed === 0) {
    failed = 1;
    notes.push(report ? "no test ran" : `vitest exited with ${exitCode} and no report`);
  } else if (failed === 0 && exitCode !== 0) {
    failed = 1;
    notes.push(`every test passed, but vitest exited with ${exitCode}: an error outside the tests, shown above`);
  }
  return { passed, failed, notes, failures, slowest: slowestTests(report) };
}

/** The tests of a report that ran and passed. */
export function passedTests(report: VitestReport | undefined): PassedTest[] {
  return (report?.testResults ?? []).flatMap((file) =>
    file.assertionResults
      .filter(({ status }) => status === "passed")
      .map(({ fullName = "" }) => ({ file: path.relative(checkout, file.name), name: fullName })),
  );
}

const slowestMax = 20;
const slowFromSeconds = 20;

function slowestTests(report: VitestReport | undefined): SlowTest[] {
  const tests = (report?.testResults ?? []).flatMap((file) =>
    file.assertionResults.map(({ fullName = "", duration }) => ({
      name: `${path.relative(checkout, file.name)} > ${fullName}`,
      seconds: (duration ?? 0) / 1000,
    })),
  );
  const slow = tests.filter(({ seconds }) => seconds >= slowFromSeconds);
  return slow.toSorted((a, b) => b.seconds - a.seconds).slice(0, slowestMax);
}

/** What a command printed is often part of a reason: it begins with what was expected and ends with what went wrong. */
const reasonLines = { first: 8, last: 16 };
const reasonWidth = 300;

/** Without the stack and colours: those are in the live report. */
function describeFailure(file: string, name = "", message = "no reason given"): string {
  const lines = stripVTControlCharacters(message)
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^ +at /.test(line))
    .map((line) => (line.length > reasonWidth ? `${line.slice(0, reasonWidth)}…` : line));
  const { first, last } = reasonLines;
  const left = lines.length - first - last;
  const reason = left > 0 ? [...lines.slice(0, first), `[${left} lines]`, ...lines.slice(-last)] : lines;
  return [`${path.relative(checkout, file)} > ${name}`, ...reason.map((line) => `  ${line}`)].join("\n");
}

/**
 * Runs one suite, which is one or more projects of vitest.config.ts. `show` prints its live report; without it, the report of a failed run becomes a note.
 * `pattern`: only tests whose name, with their groups' names, matches. `files`: only files whose path contains this.
 */
export async function runVitest(
  project: string,
  options: { show: boolean; pattern?: RegExp | undefined; files?: string | undefined },
): Promise<SuiteResult> {
  const { show, pattern, files } = options;
  const began = performance.now();
  const folder = await mkdtemp(path.join(tmpdir(), "warren-suite-"));
  try {
    const file = path.join(folder, "report.json");
    const program = path.join(checkout, "node_modules/vitest/vitest.mjs");
    // A suite may have several projects: `lab` and `lab: system`.
    const projects = [project, `${project}: *`].flatMap((name) => ["--project", name]);
    const args = ["run", ...projects, "--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    if (files !== undefined) args.push(files);
    if (pattern) args.push(`--testNamePattern=${pattern.source}`);
    const { exitCode, output } = await runTool([process.execPath, program, ...args], { show });
    const report = await readFile(file, "utf8").then(
      (text) => JSON.parse(text) as VitestReport,
      () => undefined,
    );
    const count = countReport(report, exitCode, pattern);
    const notes = count.failed > 0 && !show ? [output.trimEnd(), ...count.notes] : count.notes;
    const seconds = (performance.now() - began) / 1000;
    return { ...count, name: project, notes, seconds, passedTests: passedTests(report) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs a tool in the checkout. Its output goes to the terminal, or is returned. */
export async function runTool(
  argv: readonly [string, ...string[]],
  options: { show: boolean },
): Promise<{ exitCode: number; output: string }> {
  const [program, ...args] = argv;
  const stdio = options.show ? "inherit" : ["ignore" as const, "pipe" as const, "pipe" as const];
  const child = spawn(program, args, { cwd: checkout, stdio, env: { ...process.env, ...colours() } });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  // The terminal sends Ctrl-C to the tool too. The tool stops in its own way (a lab takes down its hosts); wait for that.
  const wait = () => {};
  process.on("SIGINT", wait);
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 1)));
    });
    return { exitCode, output };
  } finally {
    process.off("SIGINT", wait);
  }
}

/** Captured output is printed later: with colours if that goes to a terminal, plain in a log. */
function colours(): Record<string, string> {
  if (process.env.NO_COLOR !== undefined || process.env.FORCE_COLOR !== undefined) return {};
  return process.stdout.isTTY ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" };
}

/** A table with a line for each result, and below it the notes of failures. */
export function resultTable(results: readonly SuiteResult[]): string {
  const rows = results.map(({ name, passed, failed, seconds }) => [
    name,
    `${passed}`,
    `${failed}`,
    `${seconds.toFixed(1)} s`,
  ]);
  const head = ["", "passed", "failed", "time"];
  return `${formatColumns([head, ...rows], "", { isNumber: (column) => column > 0 })}\n`;
}
