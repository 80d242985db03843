import { type Command, InvalidArgumentError } from "commander";
import { wantsColor } from "../scripts/lib/color.ts";
import { interruptibleTwice } from "../scripts/lib/interruption.ts";
import { wholeNumber } from "../scripts/lib/options.ts";
import { formatFuzzReport } from "./fuzz/report.ts";
import { randomSeed, seedMax } from "./fuzz/seeds.ts";
import type { FuzzReport, FuzzSubject } from "./fuzz/subject.ts";
import { fuzzSubjects } from "./fuzz/subjects.ts";

interface Flags {
  readonly count: number;
  readonly seed?: number;
  readonly only?: number;
  readonly json?: true;
}

const countDefault = 10_000;
const countMax = 100_000_000;
const progressEveryMs = 1000;

/** `./warren fuzz AGENT…`: generated hostile input for agents and parsers. */
export function define(command: Command): void {
  command
    .argument("<agent...>", "subjects to test, listed below; `all`, or the first word of several names", collectSubject)
    .option("--count <N>", "number of inputs for each subject", wholeNumber(1, countMax), countDefault)
    .option("--seed <S>", "the same seed gives the same inputs (default: random)", wholeNumber(0, seedMax))
    .option("--only <INDEX>", "only this input, to replay a finding; needs --seed", wholeNumber(0, countMax))
    .option("--json", "print the reports as JSON")
    .addHelpText("after", helpText)
    .action(async (subjects: readonly FuzzSubject[], flags: Flags) => {
      if (flags.only !== undefined && flags.seed === undefined) {
        command.error("error: --only needs the seed of the input: add --seed S", { exitCode: 2 });
      }
      const second = (): string => "stopped at once; temporary folders warren-* may be left in TMPDIR";
      await interruptibleTwice(
        { verb: "fuzz", first: "stopping and cleaning up; press Ctrl-C again to stop at once", second },
        (signal) => runSubjects(subjects, flags, signal),
      );
    });
}

async function runSubjects(subjects: readonly FuzzSubject[], flags: Flags, signal: AbortSignal): Promise<void> {
  const { count, seed = randomSeed(), only, json } = flags;
  const reports: FuzzReport[] = [];
  for (const subject of subjects) {
    const line = progressLine(subject.name, only === undefined ? count : 1);
    const report = await subject.run({ seed, count, only, signal, progress: line.show }).finally(line.clear);
    reports.push(report);
    if (!json) process.stdout.write(formatFuzzReport(report, wantsColor(process.stdout)));
  }
  if (json) process.stdout.write(`${JSON.stringify(reports, null, 2)}\n`);
  if (reports.some(({ findings }) => findings.length > 0)) process.exitCode = 1;
}

/** One line that is updated in place on a terminal; nothing elsewhere. */
function progressLine(name: string, count: number): { show(done: number): void; clear(): void } {
  if (!process.stderr.isTTY) return { show: () => {}, clear: () => {} };
  let shownMs = 0;
  return {
    show(done) {
      if (performance.now() - shownMs < progressEveryMs) return;
      shownMs = performance.now();
      process.stderr.write(`\r\x1b[K${name}: ${done} of ${count}`);
    },
    clear: () => void process.stderr.write("\r\x1b[K"),
  };
}

function collectSubject(name: string, before: readonly FuzzSubject[] = []): readonly FuzzSubject[] {
  if (name === "all") return [...before, ...fuzzSubjects];
  const exact = fuzzSubjects.filter((each) => each.name === name);
  const subjects = exact.length > 0 ? exact : fuzzSubjects.filter((each) => each.name.startsWith(`${name}-`));
  if (subjects.length > 0) return [...before, ...subjects];
  throw new InvalidArgumentError(`expected all or one of ${fuzzSubjects.map((each) => each.name).join(", ")}.`);
}

const helpText = `
${fuzzSubjects.map(({ name, summary }) => `${name.padEnd(22)} ${summary}`).join("\n")}

Each agent runs in its own process, with its own broker and folders if it needs them; nothing leaves this machine. Inputs
are changed copies of valid ones; every fiftieth stays valid. The agent must keep running, every valid input must come out
exactly once, and every other one must come out or be refused with a reason. Each failure is printed with the command that
replays it.

Exit code: 0 no failure, 1 a failure was found, 2 wrong options, 130 Ctrl-C.

Examples:
  ./warren fuzz puller --count 1000000
  ./warren fuzz puller --seed 7 --only 1234
  ./warren fuzz all --json`;
