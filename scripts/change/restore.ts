import type { Command } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import { ensureStack } from "../engine/engine.ts";
import { readOperatorCa } from "../engine/operator-ca.ts";
import { runRecord, runSteps } from "../engine/run-record.ts";
import { requireConfig } from "../engine/stack.ts";
import { readStackConfig } from "../engine/stack-config.ts";
import { withStackLock } from "../engine/stack-lock.ts";
import { freeEngine } from "../engine/toolchain/engine-lock.ts";
import { ensureToolchain } from "../engine/toolchain/toolchain.ts";
import { wantsColor } from "../lib/color.ts";
import { confirm, requireTerminal } from "../lib/confirm.ts";
import { interruptibleWithin } from "../lib/interruption.ts";
import { exitFindings, type RunbookFlags, runbookOptions, seconds, stackOf, toJson } from "../lib/options.ts";
import { importDefinitions } from "./backup/brokers.ts";
import { type OpenBackup, openBackup } from "./backup/file.ts";
import { putJournal } from "./backup/journals.ts";
import { formatManifest } from "./backup/report.ts";
import { passphraseOf } from "./backup/secrets.ts";
import { stateForBareHosts } from "./backup/state.ts";
import { type EngineContext, importState, up } from "./restore/engine.ts";
import { type FlowResult, untilFlows } from "./restore/flow.ts";
import { lookAround, type Subject } from "./restore/look.ts";
import { planRestore, type RestorePlan } from "./restore/plan.ts";
import { type Progress, progressSchema, readProgress, type StepName, stepNames } from "./restore/progress.ts";

interface Flags extends RunbookFlags {
  readonly from?: string;
  readonly yes?: true;
  readonly yesOverMessages?: true;
  readonly dryRun?: true;
  readonly passphraseFile?: string;
  readonly timeout: number;
}

const timeoutSecondsDefault = 1800;
/** Agents declare their queues once they have a connection. */
const agentsWithinMs = 60_000;

/** `./warren restore -s STACK --from FILE`: from a backup and hosts, bare ones or not, to products that flow. */
export function define(command: Command): void {
  runbookOptions(command)
    .option("--from <file>", "the backup")
    .option("-y, --yes", "don't ask; needed where there is no terminal to ask on")
    .option("--yes-over-messages", "also where a broker holds messages; none of them is deleted")
    .option("--dry-run", "show the plan, and end")
    .option("--passphrase-file <file>", "of the backup, where it isn't the stack's own")
    .option("--timeout <seconds>", "give up after that; the same command goes on", seconds, timeoutSecondsDefault)
    .addHelpText(
      "after",
      `
Shows what is in the backup, what is there now, and what will be done; asks; locks the stack. Then: the engine's state (on bare hosts
only the CA in it), the dispatchers' journals, before any dispatcher starts; \`up\`; the definitions that the config doesn't declare
(clients' queues, bindings, users); and a look whether products can flow. Config and secrets of now count, not those of the backup.
Broken off in whatever way, the same command goes on where it was.
Exit codes: 0 products can flow, 1 could not be done, 2 something is missing or broken afterwards, which is said.

  ./warren restore -s op --from /srv/backup/op.backup --dry-run
  ./warren restore -s op --from /srv/backup/op.backup`,
    )
    .action(restore);
}

const say = (text: string): void => void process.stderr.write(`warren: ${text}\n`);

async function restore(flags: Flags): Promise<void> {
  const stack = stackOf(flags, "restore");
  requireConfig(stack);
  const { from } = flags;
  if (from === undefined) throw new UserError("restore", "which backup is not said", "add --from FILE");
  requireTerminal("restore", flags.yes || flags.dryRun);
  const backup = await openBackup(from, (of) => passphraseOf(of, flags.passphraseFile));
  const texts = {
    second: () => "left as it is; the same command goes on where it was",
    brokenOff: "broken off; the same command goes on where it was",
    late: { remedy: "the same command goes on where it was" },
  };
  await interruptibleWithin({ verb: "restore", timeoutSeconds: flags.timeout, ...texts }, async (signal) => {
    const run = () => restoreFrom(backup, stack, flags, signal);
    await (flags.dryRun ? run() : withStackLock({ stack, verb: "restore", say }, run));
  });
}

async function restoreFrom(backup: OpenBackup, stack: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const beganMs = performance.now();
  const kept = runRecord("restore", stack, progressSchema);
  const before = await readProgress(kept, backup.sha256);
  const toolchain = await ensureToolchain({ signal });
  const engine: EngineContext = { stack, toolchain, signal, say, quiet: flags.json === true };
  if (!flags.dryRun) await freeEngine(engine);
  await ensureStack(stack, { toolchain });
  const subject = await lookAround(stack, await readStackConfig(stack), backup, toolchain);
  const plan = planRestore(subject.offer, subject.here, {
    messagesToo: flags.yesOverMessages === true,
    begunAs: before?.mode,
  });
  showPlan(backup, plan, before);
  if (flags.dryRun && flags.json) process.stdout.write(toJson(plan));
  const [refusal] = plan.refusals;
  if (refusal) throw new UserError("restore", refusal.what, refusal.remedy);
  if (flags.dryRun) return;
  await confirm({ verb: "restore", text: `restore stack ${stack} so`, yes: flags.yes });

  const begun: Progress = before ?? {
    ...{ backup: backup.sha256, file: backup.file, mode: plan.mode, done: [] },
    startedAt: new Date().toISOString(),
  };
  const findings: string[] = [];
  const took: Partial<Record<StepName, number>> = {};
  let flow: FlowResult | undefined;
  await runSteps(kept, begun, stepNames, async (step) => {
    signal.throwIfAborted();
    const startMs = performance.now();
    if (step === "state") await restoreState(subject, plan, engine);
    else if (step === "journals") await restoreJournals(subject, plan, backup, signal);
    else if (step === "up") await bringUp(plan, engine);
    else if (step === "definitions") findings.push(...(await restoreDefinitions(subject, plan, stack, signal)));
    else flow = await untilFlows(stack, signal);
    took[step] = (performance.now() - startMs) / 1000;
  });
  if (flow?.broken) findings.push(`${flow.broken.host}, ${flow.broken.step}: ${flow.broken.evidence}`);
  if (findings.length > 0 || backup.manifest.missing.length > 0) process.exitCode = exitFindings;
  const result = { stack, file: backup.file, seconds: (performance.now() - beganMs) / 1000, took, findings, flow };
  process.stdout.write(flags.json ? toJson(result) : formatResult(result, begun));
}

function showPlan(backup: OpenBackup, { lines, warnings }: RestorePlan, before: Progress | undefined): void {
  const text = formatManifest(backup.manifest, new Date(), wantsColor(process.stderr));
  const resumed = before
    ? `a restore from it, begun ${before.startedAt}, goes on; done: ${before.done.join(", ") || "nothing yet"}\n`
    : "";
  const all = [...lines.map((line) => `  ${line}`), ...warnings.map((line) => `! ${line}`)];
  process.stderr.write(`${text}\n${resumed}${all.join("\n")}\n\n`);
}

async function restoreState({ state }: Subject, plan: RestorePlan, engine: EngineContext): Promise<void> {
  if (plan.state === "keep" || state === undefined) return;
  const text = plan.state === "whole" ? state : stateForBareHosts(state);
  if (text === undefined) return;
  say("importing the engine's state");
  await importState(engine, text);
}

async function restoreJournals(
  { reach }: Subject,
  plan: RestorePlan,
  backup: OpenBackup,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(
    plan.journals
      .filter(({ put }) => put)
      .map(async ({ host, isRunning }) => {
        const archive = await backup.read("journal", host);
        if (!archive) return;
        say(`putting the journal back on ${host}`);
        await putJournal(reach, host, archive, { isRunning, signal }).catch((cause: Error) => {
          signal.throwIfAborted();
          throw new UserError(
            host,
            `its journal can't be put back: ${cause.message}`,
            "mend it; the same command goes on",
            { cause },
          );
        });
      }),
  );
}

/** Where hosts stood, what the state told of a broker that was silent is believed by the first run; the second one asks the broker. */
async function bringUp({ mode }: RestorePlan, engine: EngineContext): Promise<void> {
  const runs = mode === "bare" ? 1 : 2;
  for (let run = 1; run <= runs; run++) {
    say(run === 1 ? "up" : "up once more, now that brokers answer");
    await up(engine);
  }
}

async function restoreDefinitions(
  { definitions, clusters }: Subject,
  plan: RestorePlan,
  stack: string,
  signal: AbortSignal,
): Promise<string[]> {
  // `up` may just have made it.
  const ca = await readOperatorCa(stack);
  const found = await Promise.all(
    plan.clusters.map(async (name) => {
      const [cluster, wanted] = [clusters.find((one) => one.name === name), definitions[name]];
      if (!cluster || !wanted) return [];
      say(`importing definitions of ${name}`);
      const { absent, said } = await importDefinitions(cluster, wanted, { ca, signal, withinMs: agentsWithinMs });
      if (absent.length === 0) return [];
      return [`${name} lacks ${absent.join(", ")}${said ? `; it said: ${said}` : ""}`];
    }),
  );
  return found.flat();
}

interface Result {
  readonly stack: string;
  readonly seconds: number;
  readonly took: Partial<Record<StepName, number>>;
  readonly findings: readonly string[];
  readonly flow: FlowResult | undefined;
}

function formatResult({ stack, seconds: total, took, findings, flow }: Result, begun: Progress): string {
  const parts = Object.entries(took).map(([step, time]) => `${step} ${time.toFixed(1)} s`);
  const idle = flow?.withoutProducts ?? [];
  return [
    ...findings.map((text) => `✗ ${text}`),
    ...(flow?.broken ? [`  remedy: ${flow.broken.remedy}`] : []),
    ...(idle.length > 0
      ? [`no product has been made yet on ${idle.join(", ")}; once there is one: ./warren verify -s ${stack}`]
      : []),
    `${findings.length === 0 ? "restored, products can flow" : "restored, with what is said above"}: ${total.toFixed(1)} s (${parts.join(", ")})`,
    ...(begun.done.length > 0 ? [`begun ${begun.startedAt}, and broken off once`] : []),
    "",
  ].join("\n");
}
