import { UserError } from "../../agents/lib/errors.ts";
import { ensureStack } from "../engine/engine.ts";
import { runRecord, runSteps, secondsOf } from "../engine/run-record.ts";
import { requireConfig } from "../engine/stack.ts";
import { readStackConfig } from "../engine/stack-config.ts";
import { exitFindings } from "../lib/options.ts";
import { openBackup } from "./backup/file.ts";
import { passphraseOf } from "./backup/secrets.ts";
import { type RestoreFlags, restoreBook } from "./restore/book.ts";
import { type FlowResult, untilFlows } from "./restore/flow.ts";
import { planRestore } from "./restore/plan.ts";
import { progressSchema, readProgress, stepNames } from "./restore/progress.ts";
import { formatPlan, formatResult } from "./restore/report.ts";
import { bringUp, restoreDefinitions, restoreJournals, restoreState } from "./restore/steps.ts";
import { examine } from "./restore/subject.ts";
import { openEngine, runbook } from "./runbook.ts";

/** `./warren restore -s STACK --from FILE`: rebuilds a stack from a backup, on bare hosts or existing ones, until products flow. */
export const { define } = runbook<RestoreFlags>(restoreBook, async (run) => {
  const { stack, flags, signal, say } = run;
  requireConfig(stack);
  if (flags.from === undefined) throw new UserError("restore", "no backup given", "add --from FILE");
  const backup = await openBackup(flags.from, (of) => passphraseOf(of, flags.passphraseFile));
  const beganMs = performance.now();
  const kept = runRecord("restore", stack, progressSchema);
  const before = await readProgress(kept, backup.sha256);
  const engine = await openEngine(run);
  await ensureStack(stack, engine);
  const subject = await examine(stack, await readStackConfig(stack), backup, engine.toolchain);
  const options = { messagesToo: flags.yesOverMessages === true, begunAs: before?.mode };
  const plan = planRestore(subject.offer, subject.here, options);
  const [refusal] = plan.refusals;
  const { sha256, file, manifest } = backup;

  return {
    text: formatPlan(backup, plan, before),
    json: plan,
    refusal: refusal && new UserError("restore", refusal.what, refusal.remedy),
    question: `restore stack ${stack}`,
    work: async () => {
      const findings: string[] = [];
      let flow: FlowResult | undefined;
      const restore = { stack, subject, plan, backup, engine, signal, say };
      const steps = {
        state: () => restoreState(restore),
        journals: () => restoreJournals(restore),
        up: () => bringUp(restore),
        definitions: async () => findings.push(...(await restoreDefinitions(restore))),
        flow: async () => (flow = await untilFlows(stack, signal)),
      };
      const startedAt = new Date().toISOString();
      const begun = before ?? { backup: sha256, file, mode: plan.mode, done: [], startedAt };
      const results = await runSteps(kept, begun, stepNames, (step): Promise<unknown> => {
        signal.throwIfAborted();
        return steps[step]();
      });
      const broken = (flow as FlowResult | undefined)?.broken;
      if (broken) findings.push(`${broken.host}, ${broken.step}: ${broken.evidence}`);
      const seconds = (performance.now() - beganMs) / 1000;
      const json = { stack, file, seconds, took: secondsOf(results), findings, flow };
      const exitCode = findings.length > 0 || manifest.missing.length > 0 ? exitFindings : 0;
      return { json, text: formatResult(json, before), exitCode };
    },
  };
});
