import type { Problem } from "../../inspect/health.ts";
import { chainHostOf } from "../../inspect/snapshot/chain.ts";
import { type Evidence, hostEvidence } from "../../inspect/snapshot/evidence.ts";
import { verify } from "../../inspect/verify/judge.ts";
import type { StepId } from "../../inspect/verify/step.ts";
import type { HostStep } from "../restart/plan.ts";

/** Problems that do not depend on the agents' programs. */
const notOurs: readonly StepId[] = ["products-are-made", "on-the-preferred-host", "disks-have-room", "no-dead-letters"];

const key = ({ host, id }: Pick<Problem, "host" | "id">): string => `${host} ${id}`;

/** Broken links of the chain, without those that do not depend on programs. Pure. */
const brokenNow = (evidence: Evidence): Problem[] =>
  verify(evidence, { productAgeSeconds: evidence.chain.silenceSeconds }).steps.flatMap(
    ({ verdict, host, id, step, evidence: what, remedy = "" }) =>
      verdict === "broken" && !notOurs.includes(id) ? [{ host, id, step, evidence: what, remedy }] : [],
  );

/** The problem of a host's new programs: one exited by itself, reports that it is unhealthy, or a link is broken that was not before. Pure. */
export function programProblem(
  evidence: Evidence,
  { host, units }: HostStep,
  before: ReadonlySet<string>,
): Problem | undefined {
  const found = hostEvidence(evidence, host);
  const { stack } = evidence.chain;
  for (const { name, unit } of chainHostOf(evidence.chain, host).agents) {
    if (!units.includes(unit)) continue;
    const remedy = `./warren logs -s ${stack} --host ${host} --agent ${name} --since 600`;
    const ended = found?.units[unit]?.restarts ?? 0;
    const notRunning = (text: string) =>
      ({ host, id: `${name}-runs`, step: `${name} runs`, evidence: text, remedy }) as const;
    if (ended > 0) return notRunning(`it exited by itself; restarts: ${ended}`);
    const { health, silent } = found?.agents[name] ?? {};
    if (!health) return notRunning(`no answer: ${silent ?? "not asked"}`);
    if (!health.ok && !before.has(`${host} ${name}`)) {
      return { host, id: `${name}-is-well`, step: `${name} is healthy`, evidence: health.text, remedy };
    }
  }
  return brokenNow(evidence).find((problem) => !before.has(key(problem)));
}

/** Problems before anything is done, which are not blamed on the new programs. Pure. */
export function problemsBefore(evidence: Evidence): Set<string> {
  const agents = evidence.chain.hosts.flatMap(({ name: host, agents: all }) =>
    all.flatMap(({ name }) =>
      hostEvidence(evidence, host)?.agents[name]?.health?.ok === false ? [`${host} ${name}`] : [],
    ),
  );
  return new Set([...brokenNow(evidence).map(key), ...agents]);
}
