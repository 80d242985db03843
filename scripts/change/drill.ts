import { readCommittedConfig } from "../engine/stack-config.ts";
import { problemWithout } from "../inspect/health.ts";
import { exitFindings } from "../lib/options.ts";
import { checkBefore, requireDrillable, targetOf, verifyAfter } from "./drill/before.ts";
import { type DrillFlags, drillBook } from "./drill/book.ts";
import type { DrillKind } from "./drill/kinds.ts";
import { drillLogFile, formatDrills, logDrill, readDrills } from "./drill/log.ts";
import { brokenSince, type DrillReport, formatDrill, formatPlan } from "./drill/report.ts";
import { runDrill } from "./drill/run.ts";
import { openSystem, remedied, runbook } from "./runbook.ts";

/** `./warren drill KIND -s STACK`: breaks one thing on purpose, repairs it, and measures the effect. */
export const { define } = runbook<DrillFlags, [DrillKind]>(drillBook, async (run) => {
  const { stack, flags } = run;
  const [kind] = run.words;
  if (flags.report) {
    const drills = await readDrills(stack);
    const none = `no drills of ${stack} in ${drillLogFile(stack)}\n`;
    return { json: drills, text: drills.length > 0 ? formatDrills(drills) : none };
  }
  const system = await openSystem(run, readCommittedConfig(stack));
  const { observer, reach, replication } = system;
  requireDrillable(kind, stack, system);
  const { evidence, holder = "", before, problem } = await checkBefore(observer, kind);
  const host = problem ? (flags.host ?? "") : targetOf(kind, evidence, flags.host);
  const stuck = problem ?? (kind.takesMember ? problemWithout(evidence, host, replication) : undefined);
  const holdMs = flags.hold * 1000;
  const about = { kind: kind.name, host, before };

  return {
    text: stuck ? "" : formatPlan(kind, host, holdMs),
    findings: stuck ? [`${remedied(stuck)}\nnothing was done; fix this problem first`] : [],
    json: { ...about, ok: false, phases: [], brokenOff: false, trouble: [], after: [] } satisfies DrillReport,
    touches: [host],
    question: `run drill ${kind.name} on ${host} of ${stack}`,
    work: async () => {
      const parts = { kind, observer, reach, host, holder, holdMs, movesWithinMs: flags.wait * 1000 };
      const result = await runDrill({ ...parts, signal: run.signal, say: run.say, broken: run.broken });
      const after = await verifyAfter(observer, before);
      const hasTrouble = result.trouble.length > 0;
      const ok = !hasTrouble && brokenSince(before, after).length === 0;
      const report: DrillReport = { ...about, ok, ...result, before, after };
      run.onEnd.push(() => logDrill(stack, report));
      const text = formatDrill(report, kind.pauseWantedMs);
      return { json: report, text, exitCode: hasTrouble ? 1 : ok ? 0 : exitFindings };
    },
  };
});
