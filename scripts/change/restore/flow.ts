import { openObserver } from "../../inspect/snapshot/snapshot.ts";
import { type BrokenLink, type Judged, verify } from "../../inspect/verify/judge.ts";
import type { StepId } from "../../inspect/verify/step.ts";
import { poll } from "../../lib/poll.ts";

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
  const looker = await openObserver(stack);
  let broken: readonly Judged[] = [];
  const first = () => broken.find(({ id }) => id !== madeElsewhere);
  const flows = async (): Promise<boolean> => {
    const evidence = await looker.look({ withMetrics: false, withFetches: true });
    const { steps } = verify(evidence, { productAgeSeconds: looker.chain.silenceSeconds });
    broken = steps.filter(({ verdict }) => verdict === "broken");
    return first() === undefined;
  };
  try {
    await poll(flows, { everyMs: lookAgainMs, withinMs: settledWithinMs, signal });
    const { host = "", id = madeElsewhere, step = "", evidence = "", remedy = "" } = first() ?? {};
    return {
      broken: first() && { host, id, step, evidence, remedy },
      withoutProducts: broken.filter((one) => one.id === madeElsewhere).map((one) => one.host),
    };
  } finally {
    looker.close();
  }
}
