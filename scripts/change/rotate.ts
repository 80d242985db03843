import { UserError } from "../../agents/lib/errors.ts";
import { runRecord } from "../engine/run-record.ts";
import { requireConfig } from "../engine/stack.ts";
import { readStackConfig } from "../engine/stack-config.ts";
import { describeProblem, findingWithinMs } from "../inspect/health.ts";
import { type Kind, type RotateFlags, rotateBook } from "./rotate/book.ts";
import { rotationOf } from "./rotate/kinds.ts";
import { type RotationRecord, rotationRecord, runPhases } from "./rotate/phase.ts";
import { formatRotation, reportRotation, rotationJson } from "./rotate/report.ts";
import { formerStackFile } from "./rotate/stack-file.ts";
import { problemNow, type Subject } from "./rotate/subject.ts";
import { openEngine, remedied, runbook } from "./runbook.ts";

/** `./warren rotate password USER|cookie|tls|ssh|delivery`: brings a new secret to everything that uses it, then revokes the previous one. */
export const { define } = runbook<RotateFlags, [Kind, string | undefined]>(rotateBook, async (run) => {
  const { stack, flags, say } = run;
  const [kind, user] = run.words;
  requireConfig(stack);
  const kept = runRecord("rotate", stack, rotationRecord);
  const former = formerStackFile(stack);
  const begun = await kept.read();
  const startedAt = begun?.startedAt ?? new Date().toISOString();
  const engine = await openEngine(run);
  const before = begun ? await former.read() : await readStackConfig(stack);
  const subject: Subject = { stack, engine, say, startedAt, before, healthyWithinMs: flags.wait * 1000 };
  const rotation = rotationOf(subject, kind, user, flags.cutOff === true);
  const { what } = rotation;
  if (begun && begun.what !== what) {
    const remedy = `finish it first: ./warren rotate ${begun.what} -s ${stack}`;
    throw new UserError(`stack ${stack}`, `a rotation of ${begun.what}, started ${startedAt}, was interrupted`, remedy);
  }
  const record: RotationRecord = begun ?? { startedAt, what, done: [] };
  // In the middle of a rotation, problems are expected that its next phases resolve.
  const problem = begun ? undefined : await problemNow(subject, findingWithinMs);

  return {
    text: formatRotation(rotation, begun),
    findings: problem ? [remedied(problem)] : [],
    json: rotationJson(rotation, [], problem ? [describeProblem(problem)] : []),
    touches: Object.keys(before?.hosts ?? {}),
    question: `rotate ${what} of ${stack}`,
    work: async () => {
      if (!begun) await former.keep();
      const phases = await runPhases(rotation, kept, record, (phase) =>
        say(`${phase.name}: ${phase.where}: ${phase.what}`),
      );
      if (phases.every(({ findings }) => findings === undefined)) await former.remove();
      return reportRotation(rotation, phases);
    },
  };
});
