import { writeFile } from "node:fs/promises";
import { type Command, InvalidArgumentError } from "commander";
import { UserError } from "../agents/lib/errors.ts";
import { isLabStack } from "../scripts/engine/lab-stacks.ts";
import { lastSpec, needRecord } from "../scripts/lab/registry.ts";
import { inotifywait, installMissing, type Requirement } from "../scripts/lib/packages.ts";
import { runCheck } from "./check.ts";
import { notShown, shownLater } from "./docs/shown.ts";
import { proofs } from "./docs/source-trace.ts";
import { resultTable, runVitest, type SuiteResult } from "./suite.ts";

/** In the order in which they run: fast ones first. */
const suiteNames = ["check", "process", "broker", "lab", "long"] as const;
type SuiteName = (typeof suiteNames)[number];
/** The suites that a change must pass: about 25 minutes on two cores. */
const everyday: readonly SuiteName[] = suiteNames.filter((name) => name !== "long");

/** Programs that tests of processes and brokers start. The local broker and the lab install their own requirements. */
const brokerRequirements: readonly Requirement[] = [
  { program: "age", package: "age" },
  { program: "chromium", package: "chromium" },
  { program: "gpg", package: "gpg" },
  inotifywait,
  { program: "openssl", package: "openssl" },
  { program: "pip3", package: "python3-pip" },
  { program: "sftp", package: "openssh-client" },
  { program: "sshd", package: "openssh-server" },
];

/** `./warren test`: runs the suites, prints a table, and `N passed, N failed` as the last line. */
export function define(command: Command): void {
  command
    .option("--only <suite>", `run one suite (${suiteNames.join(", ")}); repeatable`, collectSuite)
    .option(
      "-t <pattern>",
      "run only tests whose name matches this regular expression; of check, only unit tests",
      readPattern,
    )
    .option("--on <lab>", "with -t: run system tests on this lab, which must be up and stays up")
    .option("--long", "run all suites, long included")
    .option("--json <file>", "write the counts to this file as JSON")
    .addHelpText(
      "after",
      `
check    format, lint, types, import rules (arrows), unit tests; the same as npm run check; about a minute on two cores
process  unit tests that start sshd, bundles and whole programs
broker   agents as processes with real brokers, sshd and vsftpd; the last two need root
lab      real hosts on this machine, provisioned by the real engine; needs root on Debian or Ubuntu
long     slow tests of brokers and hosts: upgrades, rotations, drills, chaos, every fault that verify names

A test's full name is its groups' names and its own, joined by " > ". -t matches any part of it.
--on keeps the lab and its stack file as the tests leave them. To protect a committed stack file, use a lab with its own
name (./warren lab --name NAME), which has its own file.

Examples:
  ./warren test --only broker -t "killed at (any|random) moments?"
  ./warren test --only check -t "a broker host > has its package pinned"
  ./warren test --on lab -t "the virtual IP"`,
    )
    .action(async (options: Options) => {
      const files = options.on === undefined ? undefined : await filesOn(options.on, options.t);
      const wanted = files ? systemSuites : (options.only ?? (options.long ? suiteNames : everyday));
      const names = suiteNames.filter((name) => wanted.includes(name));
      const results: SuiteResult[] = [];
      for (const [index, name] of names.entries()) {
        const then = names.slice(index + 1);
        const left = then.length > 0 ? `; then ${then.join(", ")}` : "";
        process.stdout.write(`\n== ${name}, ${index + 1} of ${names.length}${left}\n`);
        results.push(...(await runSuite(name, options.t, files)));
      }
      if (!options.t && everyday.every((name) => names.includes(name))) results.push(traceResult(results));
      const passed = results.reduce((sum, result) => sum + result.passed, 0);
      const failed = results.reduce((sum, result) => sum + result.failed, 0);
      if (options.json) {
        const suites = results.map(({ name, passed, failed, seconds }) => ({ name, passed, failed, seconds }));
        await writeFile(options.json, `${JSON.stringify({ passed, failed, suites }, null, 2)}\n`);
      }
      const slowest = results.flatMap(({ slowest = [] }) => slowest);
      for (const { name, seconds } of slowest) process.stdout.write(`${seconds.toFixed(0).padStart(5)} s  ${name}\n`);
      process.stdout.write(`\n${resultTable(results)}\n`);
      for (const { name, failures = [] } of results) {
        for (const failure of failures) process.stdout.write(`failed, ${name}: ${failure}\n\n`);
      }
      process.stdout.write(`${passed} passed, ${failed} failed\n`);
      if (failed > 0 || passed === 0) process.exitCode = 1;
    });
}

/** Each test named in docs/source-trace.md must have run and passed. */
function traceResult(results: readonly SuiteResult[]): SuiteResult {
  const passed = results.flatMap(({ passedTests = [] }) => passedTests);
  const withLong = results.some(({ name }) => name === "long");
  const missing = notShown(withLong ? proofs : proofs.filter((proof) => !shownLater(proof)), passed);
  const failures = missing.map(
    ([file, title]) => `docs/source-trace.md: this test did not run and pass: ${file}: ${title}`,
  );
  return {
    name: "trace",
    passed: missing.length === 0 ? 1 : 0,
    failed: missing.length,
    seconds: 0,
    notes: [],
    failures,
  };
}

interface Options {
  readonly only?: SuiteName[];
  readonly t?: RegExp;
  readonly on?: string;
  readonly long?: true;
  readonly json?: string;
}

/** Suites with system tests. */
const systemSuites: readonly SuiteName[] = ["lab", "long"];

/**
 * Makes the system tests use a lab that is up.
 *
 * @returns start of the paths of the tests for the lab's stack
 * @throws UserError if the lab is not up
 */
async function filesOn(lab: string, pattern: RegExp | undefined): Promise<string> {
  if (!pattern)
    throw new UserError("test", `all tests on ${lab} would end by removing it`, "select some tests: -t NAME");
  await needRecord(lab);
  process.env.WARREN_TEST_LAB = lab;
  const { base = "lab" } = (await lastSpec(lab)) ?? {};
  if (!isLabStack(base))
    throw new UserError("test", `no test is for ${lab}, a lab of stack ${base}`, "use a lab of stack lab or lab4");
  return `tests/acceptance/acceptance${base.slice("lab".length)}.`;
}

async function runSuite(name: SuiteName, pattern?: RegExp, files?: string): Promise<SuiteResult[]> {
  const began = performance.now();
  try {
    const print = (text: string) => process.stdout.write(text);
    if (name === "check") return await runCheck(print, pattern);
    if (name !== "lab") await installMissing(brokerRequirements, (text) => print(`${name}: ${text}\n`));
    const result = await runVitest(name, { show: true, pattern, files });
    for (const note of result.notes) process.stdout.write(`${name}: ${note}\n`);
    return [result];
  } catch (error) {
    // A suite that can't run here has failed. The others still run, and the last line counts it.
    if (!(error instanceof UserError)) throw error;
    process.stdout.write(`${name}: ${error.format()}\n`);
    return [{ name, passed: 0, failed: 1, seconds: (performance.now() - began) / 1000, notes: [error.message] }];
  }
}

function readPattern(value: string): RegExp {
  try {
    return new RegExp(value);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function collectSuite(value: string, before: SuiteName[] = []): SuiteName[] {
  const name = suiteNames.find((each) => each === value);
  if (!name) throw new InvalidArgumentError(`one of ${suiteNames.join(", ")} is expected.`);
  return [...before, name];
}
