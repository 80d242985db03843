import { UserError } from "../../../agents/lib/errors.ts";
import { act } from "../../../infra/hosts/act.ts";
import { type RunRecord, Stopped } from "../../engine/run-record.ts";
import { up } from "../restore/engine.ts";
import { type HostResult, hostRun, type Rolling } from "../rolling.ts";
import { openEngine, type Report, type Run } from "../runbook.ts";
import { rollBack, unstage } from "./actions.ts";
import type { Change } from "./changes.ts";
import type { RolloutRecord } from "./record.ts";
import { stepsTable } from "./report.ts";

/** Runs `up`, which records in the stack what the hosts run. @throws UserError if it fails; the new agents keep running */
export async function keepNew(run: Run, kept: RunRecord<RolloutRecord>, record: RolloutRecord): Promise<void> {
  const { stack, say } = run;
  say("up: recording what the hosts run");
  const engine = { ...(await openEngine(run, "")), quiet: true };
  // If the run is killed from here on, only this record shows that the hosts run other agents than the stack has.
  await kept.write(record);
  try {
    await up(engine);
  } catch (cause) {
    const remedy = `the new agents run on all hosts; fix the problem, then run ./warren up -s ${stack}`;
    const what = `up could not record what the hosts run: ${(cause as Error).message}`;
    throw new UserError(`stack ${stack}`, what, remedy, { cause });
  } finally {
    await kept.remove();
  }
}

export interface Rollout extends Rolling {
  readonly kept: RunRecord<RolloutRecord>;
  readonly record: RolloutRecord;
  readonly changes: readonly Change[];
}

/**
 * Restores the previous programs, on the host that failed first, then on the finished hosts in reverse order. Continues if a host can't be reached.
 *
 * @param why the reason for the rollback
 */
export async function rollBackAll(
  stack: string,
  rollout: Rollout,
  why: string,
  results: readonly HostResult[],
): Promise<Report> {
  const { kept, record, changes, reach } = rollout;
  await kept.write(record);
  process.stderr.write(`✗ ${why}\nrolling back to the previous agents\n`);
  const hosts = [...new Set([...(record.begun ? [record.begun.host] : []), ...record.done.toReversed()])];
  const failed: string[] = [];
  const tried = (host: string, done: Promise<unknown>) =>
    done.catch((error: unknown) => {
      if (!(error instanceof Stopped)) throw error;
      failed.push(`${host}: ${error.message}`);
    });
  for (const turn of hosts.flatMap((host) => record.turns.filter((one) => one.host === host))) {
    const { host, $, comeBack } = hostRun(rollout, turn, []);
    for (const change of changes.filter((one) => one.host === host)) await tried(host, $(rollBack(change)));
    await tried(host, comeBack());
  }
  // On a host that can't be reached, the next boot clears them.
  await Promise.all(changes.map(({ host, programs }) => act(reach, unstage(host, programs))));
  if (failed.length === 0) await kept.remove();
  const lines = [
    ...(results.length === 0 ? [`✗ ${why}`] : []),
    ...failed.map((one) => `✗ ${one}`),
    failed.length === 0
      ? `rolled back to the previous agents on ${hosts.join(", ")}; fix the new agents before the next up, which would install them again`
      : `the rollback is incomplete; continue it with ./warren rollout -s ${stack}`,
    "",
  ];
  const backOn = [...(record.begun ? [record.begun.host] : []), ...record.done];
  const json = { ok: false, backOn: [...new Set(backOn)], turns: results };
  return { json, text: `${stepsTable(results)}${lines.join("\n")}`, exitCode: 1 };
}
