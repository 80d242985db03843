import { readFile } from "node:fs/promises";
import { cpus, release, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { type Command, InvalidArgumentError } from "commander";
import { execa } from "execa";
import { writeAtomic } from "../../agents/lib/atomic-file.ts";
import { UserError } from "../../agents/lib/errors.ts";
import { runVerb } from "./bench-verb.ts";
import type { BenchSteps } from "./cleanly.ts";
import { benchTable } from "./report.ts";

interface Flags {
  readonly only?: readonly string[];
  readonly quick?: boolean;
  readonly into: string;
}

const warren = fileURLToPath(new URL("../../warren", import.meta.url));
const page = "docs/figures.md";
interface Bench {
  readonly name: string;
  readonly options?: readonly string[];
  /** Without a disk, for which programs would wait. */
  readonly inMemory?: true;
}

const besideSr3 = ["--beside", "sr3"];
const pullOptions = ["--prefetch", "1,4,16", ...besideSr3];
/** Each has its section of the page, in this order. The pullers come first, because of `setAside`: the other benches remove many files. */
const benches: readonly Bench[] = [
  { name: "pull", options: pullOptions },
  { name: "pull", options: pullOptions, inMemory: true },
  { name: "dispatch" },
  { name: "chain", options: besideSr3 },
  { name: "chain", options: besideSr3, inMemory: true },
  { name: "rest", options: besideSr3 },
  { name: "watch" },
  { name: "deliver", inMemory: true },
];
const names = [...new Set(benches.map(({ name }) => name))];

const memory = "/dev/shm";
const wordsOf = ({ name, options = [] }: Bench): readonly string[] => ["bench", name, ...options];
/** What a reader types to measure again. */
const commandOf = (bench: Bench): string =>
  [...(bench.inMemory ? [`TMPDIR=${memory}`] : []), "./warren", ...wordsOf(bench)].join(" ");

/** `./warren bench figures`. */
export function defineFigures(command: Command): void {
  command
    .command("figures")
    .summary(`run the benches and write their tables into ${page}`)
    .option("--only <BENCH,BENCH…>", `only these (${names.join(", ")}); the other tables stay`, namesOfBenches)
    .option("--into <FILE>", "the page", page)
    .option("--quick", "small runs, only to test the command; their figures mean little")
    .addHelpText("after", helpText)
    .action(({ only = names, quick = false, into }: Flags) => {
      const chosen = benches.filter(({ name }) => only.includes(name));
      const run = (steps: BenchSteps) => measureInto(into, chosen, quick, steps);
      return runVerb({}, run, (seconds) => `${formatSeconds(seconds)}\n${into} is written\n`, Object.fromEntries);
    });
}

function namesOfBenches(text: string): readonly string[] {
  const chosen = text.split(",");
  const unknown = chosen.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`${unknown} is not one of ${names.join(", ")}.`);
  return chosen;
}

const formatSeconds = (seconds: ReadonlyMap<string, number>): string =>
  benchTable([...seconds].map(([command, each]) => [command, `${each.toFixed(0)} s`]));

/** Runs one command after the other. The page is written after each, so that what was measured stays if a later one fails. */
async function measureInto(
  into: string,
  chosen: readonly Bench[],
  quick: boolean,
  { signal, onStep }: BenchSteps,
): Promise<ReadonlyMap<string, number>> {
  const seconds = new Map<string, number>();
  // Before the benches: they take half an hour.
  await readPage(into);
  for (const bench of chosen) {
    const command = commandOf(bench);
    onStep(`\n${seconds.size + 1} of ${chosen.length}: ${command}`);
    const began = performance.now();
    const table = await tableOf(bench, quick, signal);
    seconds.set(command, (performance.now() - began) / 1000);
    const old = await readPage(into);
    await writeAtomic(into, withSection(old, command, table, whereAndWhen(new Date())), { mode: 0o644 });
  }
  return seconds;
}

async function tableOf(bench: Bench, quick: boolean, signal: AbortSignal): Promise<string> {
  const env = bench.inMemory ? { TMPDIR: memory } : {};
  const options = { env, cancelSignal: signal, stderr: "inherit", reject: false, forceKillAfterDelay: false } as const;
  const { exitCode, stdout } = await execa(warren, [...wordsOf(bench), ...(quick ? ["--quick"] : [])], options);
  signal.throwIfAborted();
  if (exitCode !== 0) throw new UserError(commandOf(bench), `failed with exit code ${exitCode}`, "run it alone");
  return stdout.trim();
}

async function readPage(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((error: Error) => {
    throw new UserError(
      path,
      `can't be read: ${error.message}`,
      "run this in the checkout, or name the page with --into",
    );
  });
  if (!marked.test(text))
    throw new UserError(path, `has no lines ${begin} and ${end}`, "put them where the tables shall be");
  return text;
}

const begin = "<!-- tables of `./warren bench figures` -->";
const end = "<!-- end of the tables -->";
const marked = new RegExp(`(?<=${begin}\n).*(?=${end})`, "s");

const whereAndWhen = (now: Date): string => {
  const [cpu] = cpus();
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  return `${now.toISOString().slice(0, 10)}, ${cpus().length} × ${cpu?.model ?? "unknown"}, ${gibibytes} GiB, Linux ${release()}`;
};

/** The page with this table in the command's section. Exported for its test. */
export function withSection(text: string, command: string, table: string, where: string): string {
  const [before = ""] = marked.exec(text) ?? [];
  const sections = new Map(
    before
      .split(/^(?=### )/m)
      .filter((section) => section.startsWith("### "))
      .map((section) => [/`(.*)`/.exec(section)?.[1] ?? "", section.trim()] as const),
  );
  sections.set(command, [`### \`${command}\``, where, ["```text", table, "```"].join("\n")].join("\n\n"));
  const all = benches.flatMap((bench) => sections.get(commandOf(bench)) ?? []);
  return text.replace(marked, () => `\n${all.join("\n\n")}\n\n`);
}

const helpText = `
Runs ${benches.length} benches, one after the other, and puts their tables into ${page}, each with the day and the machine.
What is on the page besides stays: figures of labs, which no bench measures.

Don't use the machine meanwhile. Needs root for one of them (deliver); takes about half an hour.

Exit code: 0 all measured and written, 1 one failed (those before it are written), 2 wrong options, 130 Ctrl-C.

Examples:
  ./warren bench figures
  ./warren bench figures --only chain,rest`;
