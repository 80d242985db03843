import type { Evidence } from "../snapshot/evidence.ts";
import { bunnySteps } from "./bunny-steps.ts";
import { clientSteps } from "./client-steps.ts";
import { ddSteps } from "./dd-steps.ts";
import { messageSteps } from "./message-steps.ts";
import { pdsSteps } from "./pds-steps.ts";
import { pxSteps } from "./px-steps.ts";
import type { Look, Part, Step, StepId, Verdict } from "./step.ts";
import { urpSteps } from "./urp-steps.ts";

/** The whole chain, in order of production: from the radar servers to PDS, then from px to the public. */
export const steps: readonly Step[] = [
  ...[...urpSteps, ...bunnySteps, ...pdsSteps],
  ...[...pxSteps, ...ddSteps, ...clientSteps],
  ...messageSteps,
];

/** What a part that comes first stands still for. */
const waitsFor: Partial<Record<Part, Part>> = { URP: "bunny", px: "DD" };

export interface Judged extends Verdict {
  readonly part: Part;
  readonly id: StepId;
  readonly step: string;
  readonly host: string;
}

/** What `--json` says of the link that is to be repaired first. */
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

/** Every step on every host, whatever those before it found. Pure. */
export function verify(evidence: Evidence, options: Omit<Look, "evidence">): Verification {
  const look: Look = { evidence, ...options };
  const judged = steps.flatMap(({ id, name, part, hosts, judge }) =>
    hosts(evidence.chain).map((host): Judged => ({ part, id, step: name, host, ...judge(look, host) })),
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

/** Who waits for something later waits in vain where nothing later is broken. */
function settle(judged: readonly Judged[]): Judged[] {
  return judged.map((one, index) => {
    if (one.verdict !== "waits") return one;
    const later = judged
      .slice(index + 1)
      .some(({ verdict, part }) => verdict === "broken" && part === waitsFor[one.part]);
    return later ? one : { ...one, verdict: "broken" };
  });
}
