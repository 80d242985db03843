import { type Command, InvalidArgumentError } from "commander";
import { wantsColor } from "../scripts/lib/color.ts";
import { interruptibleTwice } from "../scripts/lib/interruption.ts";
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
    .argument("<agent...>", "what gets the input, see below; `all`, or the first word of several", collectSubject)
    .option("--count <N>", "inputs for each", number("inputs", 1, countMax), countDefault)
    .option("--seed <S>", "the same seed gives the same inputs (default: random)", number("a seed", 0, seedMax))
    .option("--only <INDEX>", "one input alone, to replay a finding; needs --seed", number("an index", 0, countMax))
    .option("--json", "print the reports as JSON")
    .addHelpText("after", helpText)
    .action(async (subjects: readonly FuzzSubject[], flags: Flags) => {
      if (flags.only !== undefined && flags.seed === undefined) {
        command.error("error: --only replays an input of a seed: add --seed S", { exitCode: 2 });
      }
      const second = (): string => "ended at once; temporary folders warren-* may be left in TMPDIR";
      await interruptibleTwice(
        { verb: "fuzz", first: "stopping and cleaning up; once more ends at once", second },
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

/** On a terminal one line that changes; none elsewhere. */
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

function number(what: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`expected ${what}, a number from ${min} to ${max}.`);
  };
}

const helpText = `
${fuzzSubjects.map(({ name, summary }) => `${name.padEnd(22)} ${summary}`).join("\n")}

Each agent runs as a process of its own, with a broker and folders of its own where it needs them; nothing leaves this
machine. Inputs are made from valid ones; every fiftieth is left valid. The agent must not end, every valid input must come
out exactly once, and every other one must come out or be refused with a reason. What did not hold is printed with the
command that replays it.

Exit code: 0 all held, 1 something did not, 2 wrong options, 130 Ctrl-C.

Examples:
  ./warren fuzz puller --count 1000000
  ./warren fuzz puller --seed 7 --only 1234
  ./warren fuzz all --json`;
