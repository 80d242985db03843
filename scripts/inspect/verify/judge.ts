import type { Evidence } from "../snapshot/evidence.ts";
import { bunnySteps } from "./bunny-steps.ts";
import { clientSteps } from "./client-steps.ts";
import { ddSteps } from "./dd-steps.ts";
import { messageSteps } from "./message-steps.ts";
import { monitorSteps } from "./monitor-steps.ts";
import { pdsSteps } from "./pds-steps.ts";
import { pxSteps } from "./px-steps.ts";
import type { JudgeInput, Part, Step, StepId, Verdict } from "./step.ts";
import { urpSteps } from "./urp-steps.ts";

/** The complete chain in order of production: from the radar servers to PDS, then from px to public clients. */
export const steps: readonly Step[] = [
  ...[...urpSteps, ...bunnySteps, ...pdsSteps],
  ...[...pxSteps, ...ddSteps, ...clientSteps],
  ...messageSteps,
  ...monitorSteps,
];

/** The later part that can block a part. */
const waitsFor: Partial<Record<Part, Part>> = { URP: "bunny", px: "DD" };

export interface Judged extends Verdict {
  readonly part: Part;
  readonly id: StepId;
  readonly step: string;
  readonly host: string;
}

/** The link to repair first, as in `--json`. */
export interface BrokenLink {
  readonly host: string;
  readonly id: StepId;
  readonly step: string;
  readonly evidence: string;
  readonly remedy: string;
  readonly crash?: Verdict["crash"];
}

export interface Verification {
  readonly ok: boolean;
  readonly firstBroken: BrokenLink | null;
  readonly steps: readonly Judged[];
}

/** Judges every step on every host, regardless of broken links before it. Pure. */
export function verify(evidence: Evidence, options: Omit<JudgeInput, "evidence">): Verification {
  const input: JudgeInput = { evidence, ...options };
  const judged = steps.flatMap(({ id, name, part, hosts, judge }) =>
    hosts(evidence.chain).map((host): Judged => ({ part, id, step: name, host, ...judge(input, host) })),
  );
  const settled = settle(judged);
  const first = settled.find(({ verdict }) => verdict === "broken");
  return {
    ok: first === undefined,
    firstBroken: first
      ? {
          ...{ host: first.host, id: first.id, step: first.step, evidence: first.evidence, remedy: first.remedy ?? "" },
          ...(first.crash ? { crash: first.crash } : {}),
        }
      : null,
    steps: settled,
  };
}

/** A step that waits for a later part is itself broken if nothing in that part is. */
function settle(judged: readonly Judged[]): Judged[] {
  return judged.map((one, index) => {
    if (one.verdict !== "waits") return one;
    const later = judged
      .slice(index + 1)
      .some(({ verdict, part }) => verdict === "broken" && part === waitsFor[one.part]);
    return later ? one : { ...one, verdict: "broken" };
  });
}
