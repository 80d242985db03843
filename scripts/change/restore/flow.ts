import { setTimeout as sleep } from "node:timers/promises";
import { openLooker } from "../../inspect/look/look.ts";
import { type BrokenLink, verify } from "../../inspect/verify/judge.ts";
import type { StepId } from "../../inspect/verify/step.ts";

/** What only the radar software can mend. */
const madeElsewhere: StepId = "products-are-made";

/** Agents connect, subscribe, and a virtual IP comes to its first host. */
const settledWithinMs = 60_000;
const lookAgainMs = 2000;

export interface FlowResult {
  /** The link of the chain that is broken; undefined where products can flow. */
  readonly broken: BrokenLink | undefined;
  /** Radar servers that have made none of late. */
  readonly withoutProducts: readonly string[];
}

/** Looks at the chain as `./warren verify` does until nothing in it is broken but what warren doesn't make, or the time is over. */
export async function untilFlows(stack: string, signal: AbortSignal): Promise<FlowResult> {
  const looker = await openLooker(stack);
  const deadline = Date.now() + settledWithinMs;
  try {
    for (;;) {
      const evidence = await looker.look({ withMetrics: false, withFetches: true });
      const { steps } = verify(evidence, { productAgeSeconds: looker.chain.silenceSeconds });
      const broken = steps.filter(({ verdict }) => verdict === "broken");
      const first = broken.find(({ id }) => id !== madeElsewhere);
      if (!first || Date.now() >= deadline) {
        const { host = "", id = madeElsewhere, step = "", evidence: what = "", remedy = "" } = first ?? {};
        return {
          broken: first && { host, id, step, evidence: what, remedy },
          withoutProducts: broken.filter(({ id }) => id === madeElsewhere).map(({ host: name }) => name),
        };
      }
      await sleep(lookAgainMs, undefined, { signal });
    }
  } finally {
    looker.close();
  }
}
