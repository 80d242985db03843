import { membershipAmong } from "../../infra/commands/membership.ts";
import { runRecord } from "../engine/run-record.ts";
import { readCommittedConfig } from "../engine/stack-config.ts";
import { bareLook } from "../inspect/look/look.ts";
import { lackBefore } from "../inspect/wholeness.ts";
import { actionsOf } from "./restart/actions.ts";
import { type RestartFlags, restartBook } from "./restart/book.ts";
import { recordOf, restartRecord, turnState } from "./restart/progress.ts";
import { formatPlan, formatRestart, plannedTurns } from "./restart/report.ts";
import { openSystem, remedied, runbook } from "./runbook.ts";
import { isAllDone, lackToBegin, reportOf, takeTurns } from "./turns.ts";

/** `./warren restart -s STACK`: rolling restart, one host at a time. */
export const { define } = runbook<RestartFlags>(restartBook, async (run) => {
  const { stack, flags, signal } = run;
  const system = await openSystem(run, readCommittedConfig(stack));
  const { looker, broker, replication } = system;
  const kept = runRecord("restart", stack, restartRecord);
  const evidence = await looker.look(bareLook);
  const record = recordOf(stack, flags, evidence, flags.again ? undefined : await kept.read());
  const planned = plannedTurns(record, evidence);
  const hosts = planned.map(({ host }) => host);
  const next = record.turns.find((turn) => turnState(turn, record) === "to do");
  // Where a restart was broken off half way through a host, that host may lack anything.
  const lack = planned.some(({ state }) => state === "half way")
    ? undefined
    : await lackBefore(looker, (seen) => lackToBegin(seen, next, hosts, replication), signal);
  const notBegun = planned.map(({ host, units, state }) => ({ host, units, outcome: "not begun", state }));

  return {
    text: formatPlan(looker.chain, replication, planned),
    findings: lack ? [remedied(lack)] : [],
    json: { ok: !lack, finding: lack ?? null, turns: notBegun },
    question: `restart these units of ${stack}`,
    work: async () => {
      const turns = { ...system, kept, record, signal, healthyWithinMs: flags.wait * 1000 };
      const results = await takeTurns(turns, async (turn) => {
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
