import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { UserError } from "../agents/lib/errors.ts";
import { defaultLabName, labDirectory } from "../scripts/lab/index.ts";
import { labOptions } from "../scripts/lab/verbs.ts";
import { wantsColor } from "../scripts/lib/color.ts";
import { interruptibleTwice } from "../scripts/lib/interruption.ts";
import { wholeNumber } from "../scripts/lib/options.ts";
import { formatColumns } from "../scripts/lib/table.ts";
import { checkAccountFile } from "../scripts/traffic/report.ts";
import type { ChaosResult } from "./chaos/account.ts";
import { faults as allFaults, type Fault } from "./chaos/faults.ts";
import { withScene } from "./chaos/lab.ts";
import { type PageWatch, withPageWatch } from "./chaos/page-watch.ts";
import { chaosLines } from "./chaos/progress.ts";
import { formatChaos, formatEvidence, isSound, type NotDone, summarise } from "./chaos/report.ts";
import { runChaos } from "./chaos/run.ts";
import type { Scene } from "./chaos/scene.ts";

interface Flags {
  readonly name?: string;
  readonly stack?: string;
  readonly seed?: number;
  readonly rate: number;
  readonly faults?: readonly Fault[];
  readonly rounds?: number;
  readonly hours?: number;
  readonly takeOver?: boolean;
  readonly page?: boolean;
  readonly json?: string;
  readonly list?: boolean;
}

const seedMost = 2 ** 32 - 1;
const takeOverRounds = 10;
const hourMs = 3_600_000;

/** `./warren chaos`: injects faults into a lab while products flow, and counts every product. */
export function define(command: Command): void {
  labOptions(command)
    .option(
      "--seed <number>",
      "seed of all choices: the same seed gives the same faults, hosts and times (default: random)",
      wholeNumber(0, seedMost),
    )
    .option("--rate <per second>", "products per second, each on both radar servers", wholeNumber(1, 500), 50)
    .option("--faults <names>", "only these faults, comma-separated; none: with --hours, only count", readFaults)
    .option("--rounds <number>", "number of faults to inject (default: each once)", wholeNumber(1, 100_000))
    .option("--hours <number>", "run for this many hours", positive)
    .option("--take-over", `measure takeover times: ${takeOverRounds} rounds of each fault with a time limit`)
    .option("--page", "also check that the live page shows faults and recoveries within 15 seconds")
    .option("--json <file>", "write the counts to this file as JSON")
    .option("--list", "list the faults and exit")
    .addHelpText(
      "after",
      `
Starts the lab if it is not up. Writes products on both radar servers without a pause, and injects and heals one fault
after the other. Then counts every product: each must have arrived exactly once. Shows lost and repeated products with
all evidence. Ctrl-C heals the current fault, then counts.
With --page, faults that the live page has to show last 20 seconds at least. Its alerts must always be Alertmanager's.
Exit code 0: nothing lost or repeated, the system recovered from every fault, and the page was right; 1: otherwise;
130: Ctrl-C.

Examples:
  ./warren chaos -s lab4                            every fault once
  ./warren chaos --faults partition,link-cut --rounds 20
  ./warren chaos --hours 8 --json chaos.json
  ./warren chaos --faults none --hours 1            an hour without faults, e.g. to see that nothing grows
  ./warren chaos -s lab4 --take-over                four faults, ten times each
  ./warren chaos -s lab4 --page                     every fault once, and what the live page shows of it`,
    )
    .action(chaos);
}

async function chaos(flags: Flags): Promise<void> {
  if (flags.list) {
    process.stdout.write(`${formatColumns(allFaults.map(({ name, summary }) => [name, summary]))}\n`);
    return;
  }
  if (flags.json !== undefined) await checkAccountFile(flags.json);
  if (flags.faults?.length === 0 && flags.hours === undefined)
    throw new UserError("--faults none", "needs a length", "say how long: --hours 1");
  const seed = flags.seed ?? Math.floor(Math.random() * seedMost);
  const lab = flags.name ?? flags.stack ?? defaultLabName;
  const lines = chaosLines(process.stderr);
  const say = (text: string) => lines.say(text);
  let openFault: (() => Promise<unknown>) | undefined;
  await interruptibleTwice(
    {
      verb: "chaos",
      first: "healing, then counting; press Ctrl-C again to stop at once",
      second: () => "stopping; the next ./warren chaos heals what is left",
      heal: () => openFault,
    },
    async (signal) => {
      await withScene({ lab, stack: flags.stack, signal, say }, async (scene) => {
        const { faults, notDone } = chosenFaults(flags, scene);
        const rounds =
          flags.rounds ??
          (flags.hours ? Number.POSITIVE_INFINITY : faults.length * (flags.takeOver ? takeOverRounds : 1));
        const length = Number.isFinite(rounds) ? `${rounds} rounds` : `${flags.hours} hours`;
        say(`seed ${seed}: ${length} of ${faults.map(({ name }) => name).join(", ") || "no faults"}`);
        const run = (page?: PageWatch) =>
          runChaos({
            ...{ scene, faults, seed, rounds, signal, page, say },
            ratePerSecond: flags.rate,
            durationMs: flags.hours ? flags.hours * hourMs : Number.POSITIVE_INFINITY,
            onProgress: (evidence, doing) => lines.show(evidence, doing),
            onOpenFault: (heal) => (openFault = heal),
          }).finally(() => lines.end());
        const result = await (flags.page ? withPageWatch(scene, run) : run());
        await reportResult(lab, result, notDone, flags.json);
      });
    },
  );
}

async function reportResult(
  lab: string,
  result: ChaosResult,
  notDone: NotDone,
  json: string | undefined,
): Promise<void> {
  process.stdout.write(`\n${formatChaos(result, { faults: allFaults, notDone, color: wantsColor(process.stdout) })}`);
  if (result.account.findings.length + result.account.doubts.length > 0) {
    const file = join(labDirectory(lab), "chaos-evidence.txt");
    await writeFile(file, formatEvidence(result));
    process.stdout.write(`all evidence: ${file}\n`);
  }
  if (json !== undefined) await writeFile(json, `${JSON.stringify(summarise(result, notDone), undefined, 2)}\n`);
  if (!isSound(result)) process.exitCode = 1;
}

/** The selected faults that this lab allows, and a reason for each of the others. */
export function chosenFaults(
  flags: Pick<Flags, "faults" | "takeOver">,
  scene: Scene,
): { faults: Fault[]; notDone: NotDone } {
  const wanted = flags.faults ?? allFaults.filter((fault) => !flags.takeOver || fault.takeOverWithinMs !== undefined);
  const reasons = wanted.map((fault) => [fault, fault.unfit?.(scene)] as const);
  const faults = reasons.flatMap(([fault, reason]) => (reason === undefined ? [fault] : []));
  const notDone = Object.fromEntries(
    reasons.flatMap(([{ name }, reason]) => (reason === undefined ? [] : [[name, reason]])),
  );
  if (faults.length > 0 || wanted.length === 0) return { faults, notDone };
  throw new UserError("--faults", `this lab allows none of them: ${Object.values(notDone).join("; ")}`);
}

function readFaults(text: string): Fault[] {
  if (text === "none") return [];
  return text.split(",").map((name) => {
    const fault = allFaults.find((one) => one.name === name);
    if (fault) return fault;
    throw new InvalidArgumentError(`unknown fault ${name}; --list shows all faults.`);
  });
}

function positive(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1000) return value;
  throw new InvalidArgumentError("expected a number of hours, at most 1000.");
}
