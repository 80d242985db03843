import { runRecord } from "../engine/run-record.ts";
import { readCommittedConfig } from "../engine/stack-config.ts";
import { problemBefore, problemOf } from "../inspect/health.ts";
import { holdersOf } from "../inspect/snapshot/evidence.ts";
import { bareSnapshot } from "../inspect/snapshot/snapshot.ts";
import { planHostSteps } from "./restart/plan.ts";
import { type HostResult, isAllDone, rollHosts } from "./rolling.ts";
import { install, stage } from "./rollout/actions.ts";
import { type RolloutFlags, rolloutBook } from "./rollout/book.ts";
import { keepNew, rollBackAll } from "./rollout/ends.ts";
import { findProgramChanges } from "./rollout/find.ts";
import { problemsBefore, programProblem } from "./rollout/program-health.ts";
import { forgetDone, recordOf, rolloutRecord } from "./rollout/record.ts";
import { formatPlan, reportRollout } from "./rollout/report.ts";
import { openSystem, remedied, runbook } from "./runbook.ts";

/** `./warren rollout -s STACK`: installs new agents one host at a time, and rolls back if a host does not stay healthy. */
export const { define } = runbook<RolloutFlags>(rolloutBook, async (run) => {
  const { stack, flags, signal } = run;
  const kept = runRecord("rollout", stack, rolloutRecord);
  const changes = await findProgramChanges(stack);
  if (changes.length === 0) {
    await forgetDone(stack, kept);
    return {
      json: { ok: true, backOn: [], turns: [] },
      text: "nothing to roll out: every host runs the agents of this checkout\n",
    };
  }
  const system = await openSystem(run, readCommittedConfig(stack));
  const evidence = await system.observer.snapshot(bareSnapshot);
  const record = recordOf(changes, planHostSteps(evidence.chain, holdersOf(evidence)[0], {}), await kept.read());
  const hosts = record.turns.map(({ host }) => host);
  const isBegun = record.done.length > 0 || record.begun !== undefined;
  const problem = isBegun
    ? undefined
    : await problemBefore(system.observer, (seen) => problemOf(seen, { hosts }), signal);
  const before = problemsBefore(evidence);
  const rollout = { ...system, kept, record, changes, signal, healthyWithinMs: flags.wait * 1000 };

  return {
    text: formatPlan(record, changes),
    findings: problem ? [remedied(problem)] : [],
    touches: hosts,
    question: `roll out these agents on ${stack}`,
    work: async () => {
      let results: HostResult[] = [];
      if (record.backFor === undefined) {
        await kept.write(record);
        await stage(system.reach, changes);
        results = await rollHosts(rollout, async (turn) => {
          await turn.stepAside();
          for (const change of changes.filter(({ host }) => host === turn.host)) await turn.$(install(change));
          await turn.healthy();
          await turn.healthy((seen) => programProblem(seen, turn, before), flags.steady * 1000);
          await turn.comeBack();
        });
        // Nothing has changed on a host before its turn, so the new agents are not the cause of a problem found then.
        const failed = results.find(({ outcome }) => outcome === "failed");
        if (failed && record.begun?.host === failed.host) record.backFor = `${failed.host}: ${failed.why}`;
      }
      if (record.backFor !== undefined) return rollBackAll(stack, rollout, record.backFor, results);
      if (isAllDone(results)) await keepNew(run, kept, record);
      return reportRollout(stack, results);
    },
  };
});
