import { act } from "../../../infra/hosts/act.ts";
import { chainHostOf } from "../../inspect/look/chain.ts";
import { type Evidence, hostEvidence } from "../../inspect/look/evidence.ts";
import { verify } from "../../inspect/verify/judge.ts";
import type { StepId } from "../../inspect/verify/step.ts";
import type { Lack } from "../../inspect/wholeness.ts";
import type { Turn } from "../restart/plan.ts";
import type { RestartRecord } from "../restart/progress.ts";
import { type Restart, takeBack } from "../restart/run.ts";
import { giveBack, unstage } from "./actions.ts";
import type { Change } from "./changes.ts";

/** What an operator makes, or where it is put, is none of a program's. */
const notOurs: readonly StepId[] = ["products-are-made", "on-the-preferred-host", "disks-have-room", "no-dead-letters"];

const key = ({ host, id }: Pick<Lack, "host" | "id">): string => `${host} ${id}`;

/** Links of the chain that are broken, but for those that no program can mend. Pure. */
export const brokenNow = (evidence: Evidence): Lack[] =>
  verify(evidence, { productAgeSeconds: evidence.chain.silenceSeconds }).steps.flatMap(
    ({ verdict, host, id, step, evidence: what, remedy = "" }) =>
      verdict === "broken" && !notOurs.includes(id) ? [{ host, id, step, evidence: what, remedy }] : [],
  );

/** What a host's new programs lack: they ended by themselves, say that they are not well, or a link is broken that was not before. Pure. */
export function unwell(evidence: Evidence, { host, units }: Turn, before: ReadonlySet<string>): Lack | undefined {
  const found = hostEvidence(evidence, host);
  const { stack } = evidence.chain;
  for (const { name, unit } of chainHostOf(evidence.chain, host).agents) {
    if (!units.includes(unit)) continue;
    const remedy = `./warren logs -s ${stack} --host ${host} --agent ${name} --since 600`;
    const ended = found?.units[unit]?.restarts ?? 0;
    if (ended > 0)
      return {
        host,
        id: `${name}-runs`,
        step: `${name} runs`,
        evidence: `it has ended ${ended} times by itself`,
        remedy,
      };
    const { health, silent } = found?.agents[name] ?? {};
    if (!health)
      return {
        host,
        id: `${name}-runs`,
        step: `${name} runs`,
        evidence: `it says nothing: ${silent ?? "not asked"}`,
        remedy,
      };
    if (!health.ok && !before.has(`${host} ${name}`)) {
      return { host, id: `${name}-is-well`, step: `${name} is well`, evidence: health.text, remedy };
    }
  }
  return brokenNow(evidence).find((lack) => !before.has(key(lack)));
}

/** What is not well before anything is done, so that no program is blamed for it. Pure. */
export function unwellBefore(evidence: Evidence): Set<string> {
  const agents = evidence.chain.hosts.flatMap(({ name: host, agents: all }) =>
    all.flatMap(({ name }) =>
      hostEvidence(evidence, host)?.agents[name]?.health?.ok === false ? [`${host} ${name}`] : [],
    ),
  );
  return new Set([...brokenNow(evidence).map(key), ...agents]);
}

/**
 * The former programs again, on the host that failed first, then on those that were done, the last first. Goes on where a host can't be reached.
 * @returns hosts on which it could not be done, with why
 */
export async function giveAllBack(
  restart: Restart,
  record: RestartRecord,
  changes: readonly Change[],
): Promise<string[]> {
  const { reach, say } = restart;
  const hosts = [...(record.begun ? [record.begun.host] : []), ...record.done.toReversed()];
  const failed: string[] = [];
  for (const host of new Set(hosts)) {
    for (const change of changes.filter((one) => one.host === host)) {
      const action = giveBack(change);
      say(host, action.title);
      const outcome = await act(reach, action);
      if ("why" in outcome) failed.push(`${host}: ${action.title}: ${outcome.why}`);
    }
    if (record.movedFrom !== host) continue;
    const trouble = await takeBack(restart, record, host, hosts);
    if (trouble) failed.push(`${host}: ${trouble.why}`);
  }
  // Of one that can't be reached its next boot clears them.
  await Promise.all(changes.map(({ host, programs }) => act(reach, unstage(host, programs))));
  return failed;
}
