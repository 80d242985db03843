import { runRecord, runSteps, secondsOf } from "../engine/run-record.ts";
import { readStackConfig } from "../engine/stack-config.ts";
import { exitFindings } from "../lib/options.ts";
import { runbook } from "./runbook.ts";
import { findingsBefore } from "./upgrade/before.ts";
import { type UpgradeFlags, upgradeBook } from "./upgrade/book.ts";
import { cutOver } from "./upgrade/cutover.ts";
import { type Drained, drain } from "./upgrade/drain.ts";
import { finishPlan } from "./upgrade/finish.ts";
import { carryLedgers } from "./upgrade/ledgers.ts";
import { openMove } from "./upgrade/move.ts";
import { packagesPlan } from "./upgrade/packages/run.ts";
import { brokenOff, stepsOf, upgradeRecord } from "./upgrade/record.ts";
import { formatMove, formatOutcome } from "./upgrade/report.ts";
import { build, carryDefinitions, changeConfig, notesOf, verifyMove } from "./upgrade/steps.ts";

/** `./warren upgrade -s STACK`: packages within their series, one host at a time; `--to CLUSTER`: another series of RabbitMQ, by a second cluster. */
export const { define } = runbook<UpgradeFlags>(upgradeBook, async (run) => {
  const { stack, flags, signal, say } = run;
  const before = await runRecord("upgrade", stack, upgradeRecord).read();
  if (flags.finish || !(flags.to || flags.return)) {
    if (before) throw brokenOff(stack, before);
    return flags.finish ? finishPlan(run) : packagesPlan(run, await readStackConfig(stack));
  }
  const move = await openMove(run, before);
  const { record, kept } = move;
  const notes = await notesOf(move);
  if (before) say(`continues the move of ${before.startedAt}`);
  const findings = before ? [] : await findingsBefore(move);

  return {
    text: formatMove(record, notes),
    findings,
    json: { ok: findings.length === 0, findings, notes, record, seconds: {} },
    touches: Object.keys(move.config.hosts),
    question: `move announcements of ${stack} from ${record.from} to ${record.to}`,
    work: async () => {
      const left: string[] = [];
      let drained: Drained | undefined;
      const steps = {
        build: () => build(move),
        definitions: () => carryDefinitions(move),
        ledgers: () => carryLedgers(move),
        cutover: () => cutOver(move),
        drain: async () => {
          drained = await drain(move);
          left.push(...drained.left);
        },
        config: () => changeConfig(move),
        verify: async () => left.push(...(await verifyMove(move))),
      };
      const results = await runSteps(kept, record, stepsOf(record), (step) => {
        signal.throwIfAborted();
        say(`== ${step}`);
        return steps[step]();
      });
      const outcome = { seconds: secondsOf(results), findings: left, ...(drained ? { drained } : {}) };
      const ok = left.length === 0;
      const json = { ok, notes, record, ...outcome };
      return { json, text: formatOutcome(stack, record, outcome), exitCode: ok ? 0 : exitFindings };
    },
  };
});
