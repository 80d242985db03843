import path from "node:path";
import { UserError } from "../agents/lib/errors.ts";
import { inotifywait, installMissing, type Requirement } from "../scripts/lib/packages.ts";
import { resultTable, runTool, runVitest, type SuiteResult } from "./suite.ts";

/** One step of `npm run check`. Each counts as one test, except the unit tests, which are counted singly. */
interface Step {
  readonly name: string;
  /** `pattern` selects unit tests by name. */
  readonly run: (pattern?: RegExp) => Promise<SuiteResult>;
}

/** Real programs that unit tests start, because a stand-in would prove nothing. */
const requirements: readonly Requirement[] = [
  inotifywait,
  { program: "openssl", package: "openssl" },
  { program: "perl", package: "perl-base" },
  { program: "ssh", package: "openssh-client" },
  { program: "sshd", package: "openssh-server" },
  { program: "systemd-analyze", package: "systemd" },
];

const modules = path.resolve(import.meta.dirname, "../node_modules");

/** Longest first, because two run at a time. */
const steps: readonly Step[] = [
  { name: "unit", run: (pattern) => runVitest("unit", { show: false, pattern }) },
  // TypeScript 7 in a quarter of the time. It has no interface for programs: what reads sources uses TypeScript 5.
  tool("types", "@typescript/native/bin/tsc", ["-p", "."]),
  tool("arrows", "dependency-cruiser/bin/dependency-cruiser.mjs", ["infra", "templates", "agents", "scripts", "tests"]),
  tool("format, lint", "@biomejs/biome/bin/biome", ["check", "--error-on-warnings", "."]),
];

/** Each tool uses one core. More at a time would make the tests miss their deadlines. */
const stepsAtOnce = 2;

function tool(name: string, program: string, args: readonly string[]): Step {
  return {
    name,
    run: async () => {
      const began = performance.now();
      const { exitCode, output } = await runTool([process.execPath, path.join(modules, program), ...args], {
        show: false,
      });
      const good = exitCode === 0;
      const seconds = (performance.now() - began) / 1000;
      return { name, passed: good ? 1 : 0, failed: good ? 0 : 1, seconds, notes: good ? [] : [output.trimEnd()] };
    },
  };
}

/**
 * Runs format, lint, types, import rules ("arrows") and unit tests. Prints each step's result when it finishes, and the remaining steps.
 * With `pattern`, runs only the unit tests whose names match.
 *
 * @throws UserError if a required program is missing and can't be installed.
 */
export async function runCheck(print: (text: string) => void, pattern?: RegExp): Promise<SuiteResult[]> {
  await installMissing(requirements, (text) => print(`check: ${text}\n`));
  const results: SuiteResult[] = [];
  const wanted = pattern ? steps.filter(({ name }) => name === "unit") : steps;
  const waiting = [...wanted];
  const worker = async () => {
    for (let step = waiting.shift(); step; step = waiting.shift()) {
      const result = await step.run(pattern);
      const count = result.passed + result.failed > 1 ? ` (${result.passed} passed, ${result.failed} failed)` : "";
      results.push(result);
      const left = wanted.filter(({ name }) => !results.some((each) => each.name === name)).map(({ name }) => name);
      const good = result.failed === 0 ? "good" : "FAILED";
      const then = left.length > 0 ? `; left: ${left.join("; ")}` : "";
      print(`check: ${result.name}: ${good}${count}, ${result.seconds.toFixed(1)} s${then}\n`);
      if (result.failed > 0) print(`${result.notes.join("\n")}\n`);
    }
  };
  await Promise.all(Array.from({ length: stepsAtOnce }, worker));
  return steps.flatMap(({ name }) => results.filter((result) => result.name === name));
}

if (import.meta.main) {
  try {
    const results = await runCheck((text) => process.stdout.write(text));
    process.stdout.write(`\n${resultTable(results)}`);
    process.exitCode = results.some(({ failed }) => failed > 0) ? 1 : 0;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    process.stderr.write(`check: ${error.format()}\n`);
    process.exitCode = 1;
  }
}
