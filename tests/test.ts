import { writeFile } from "node:fs/promises";
import { type Command, InvalidArgumentError } from "commander";
import { UserError } from "../agents/lib/errors.ts";
import { installMissing, type Requirement } from "../scripts/lib/packages.ts";
import { runCheck } from "./check.ts";
import { resultTable, runVitest, type SuiteResult } from "./suite.ts";

/** In the order in which they run: what fails fast comes first. */
const suiteNames = ["check", "broker", "lab", "long"] as const;
type SuiteName = (typeof suiteNames)[number];
/** What a change has to pass: some forty minutes on two cores. */
const everyday: readonly SuiteName[] = suiteNames.filter((name) => name !== "long");

/** Programs that the agents' tests start. The local broker and the lab bring by themselves what they need. */
const brokerRequirements: readonly Requirement[] = [
  { program: "age", package: "age" },
  { program: "inotifywait", package: "inotify-tools" },
  { program: "openssl", package: "openssl" },
  { program: "sftp", package: "openssh-client" },
  { program: "sshd", package: "openssh-server" },
];

/** `./warren test`: the suites, a table, and as the last line `N passed, N failed`. */
export function define(command: Command): void {
  command
    .option("--only <suite>", `one suite (${suiteNames.join(", ")}); can be given more than once`, collectSuite)
    .option("--long", "all suites; without it, all but the last")
    .option("--json <file>", "write the counts there as JSON")
    .addHelpText(
      "after",
      `
check   format, lint, types, arrows, unit tests; a minute and a half on two cores (npm run check is the same)
broker  agents as processes against real brokers, sshd and vsftpd; root for the last two
lab     real hosts on this machine, provisioned by the real engine; root on Debian or Ubuntu
long    what takes minutes of brokers and hosts: upgrades, rotations, drills, chaos, every fault that verify names`,
    )
    .action(async (options: { only?: SuiteName[]; long?: true; json?: string }) => {
      const wanted = options.only ?? (options.long ? suiteNames : everyday);
      const names = suiteNames.filter((name) => wanted.includes(name));
      const results: SuiteResult[] = [];
      for (const name of names) results.push(...(await runSuite(name)));
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

async function runSuite(name: SuiteName): Promise<SuiteResult[]> {
  process.stdout.write(`\n== ${name}\n`);
  const began = performance.now();
  try {
    const print = (text: string) => process.stdout.write(text);
    if (name === "check") return await runCheck(print);
    if (name !== "lab") await installMissing(brokerRequirements, (text) => print(`${name}: ${text}\n`));
    const result = await runVitest(name, { show: true });
    for (const note of result.notes) process.stdout.write(`${name}: ${note}\n`);
    return [result];
  } catch (error) {
    // A suite that can't run here has failed; the others still run, and the last line tells.
    if (!(error instanceof UserError)) throw error;
    process.stdout.write(`${name}: ${error.format()}\n`);
    return [{ name, passed: 0, failed: 1, seconds: (performance.now() - began) / 1000, notes: [error.message] }];
  }
}

function collectSuite(value: string, before: SuiteName[] = []): SuiteName[] {
  const name = suiteNames.find((each) => each === value);
  if (!name) throw new InvalidArgumentError(`one of ${suiteNames.join(", ")} is expected.`);
  return [...before, name];
}
