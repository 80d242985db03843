import { membershipAmong } from "../../infra/commands/membership.ts";
import { runRecord } from "../engine/run-record.ts";
import { readCommittedConfig } from "../engine/stack-config.ts";
import { problemBefore } from "../inspect/health.ts";
import { bareSnapshot } from "../inspect/snapshot/snapshot.ts";
import { actionsOf } from "./restart/actions.ts";
import { type RestartFlags, restartBook } from "./restart/book.ts";
import { recordOf, restartRecord, stepState } from "./restart/progress.ts";
import { formatPlan, formatRestart, plannedSteps } from "./restart/report.ts";
import { isAllDone, problemToStart, reportOf, rollHosts } from "./rolling.ts";
import { openSystem, remedied, runbook } from "./runbook.ts";

/** `./warren restart -s STACK`: a rolling restart, one host at a time. */
export const { define } = runbook<RestartFlags>(restartBook, async (run) => {
  const { stack, flags, signal } = run;
  const system = await openSystem(run, readCommittedConfig(stack));
  const { observer, broker, replication } = system;
  const kept = runRecord("restart", stack, restartRecord);
  const evidence = await observer.snapshot(bareSnapshot);
  const record = recordOf(stack, flags, evidence, flags.again ? undefined : await kept.read());
  const planned = plannedSteps(record, evidence);
  const hosts = planned.map(({ host }) => host);
  const next = record.turns.find((turn) => stepState(turn, record) === "to do");
  // After a restart that was interrupted in the middle of a host, problems of that host are expected.
  const problem = planned.some(({ state }) => state === "half way")
    ? undefined
    : await problemBefore(observer, (seen) => problemToStart(seen, next, hosts, replication), signal);
  const notBegun = planned.map(({ host, units, state }) => ({ host, units, outcome: "not begun", state }));

  return {
    text: formatPlan(observer.chain, replication, planned),
    findings: problem ? [remedied(problem)] : [],
    json: { ok: !problem, finding: problem ?? null, turns: notBegun },
    touches: hosts,
    question: `restart these units of ${stack}`,
    work: async () => {
      const turns = { ...system, kept, record, signal, healthyWithinMs: flags.wait * 1000 };
      const results = await rollHosts(turns, async (turn) => {
        const isQuorum = replication === "quorum";
        const membership = turn.isMember ? membershipAmong(broker.members, turn.host, isQuorum) : undefined;
        await turn.stepAside();
        for (const action of actionsOf(turn.host, turn.unitsLeft, membership)) await turn.$(action);
        await turn.healthy();
        await turn.comeBack();
      });
      const json = { ok: isAllDone(results), finding: null, turns: results };
      return reportOf(results, json, formatRestart(stack, results));
    },
  };
});
