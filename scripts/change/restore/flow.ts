import { openObserver } from "../../inspect/snapshot/snapshot.ts";
import { type BrokenLink, type Judged, verify } from "../../inspect/verify/judge.ts";
import type { StepId } from "../../inspect/verify/step.ts";
import { poll } from "../../lib/poll.ts";

/** Only the radar software can fix this. */
const madeElsewhere: StepId = "products-are-made";

/** For agents to connect and subscribe, and for the virtual IP to move to its preferred host. */
const settledWithinMs = 60_000;
const checkEveryMs = 2000;

export interface FlowResult {
  /** The broken link of the chain; undefined if products can flow. */
  readonly broken: BrokenLink | undefined;
  /** Radar servers without recent products. */
  readonly withoutProducts: readonly string[];
}

/** Checks the chain as `./warren verify` does until no link is broken, except those that warren doesn't control, or the time is over. */
export async function untilFlows(stack: string, signal: AbortSignal): Promise<FlowResult> {
  const observer = await openObserver(stack);
  let broken: readonly Judged[] = [];
  const first = () => broken.find(({ id }) => id !== madeElsewhere);
  const flows = async (): Promise<boolean> => {
    const evidence = await observer.snapshot({ withMetrics: false, withFetches: true });
    const { steps } = verify(evidence, { productAgeSeconds: observer.chain.silenceSeconds });
    broken = steps.filter(({ verdict }) => verdict === "broken");
    return first() === undefined;
  };
  try {
    await poll(flows, { everyMs: checkEveryMs, withinMs: settledWithinMs, signal });
    const { host = "", id = madeElsewhere, step = "", evidence = "", remedy = "" } = first() ?? {};
    return {
      broken: first() && { host, id, step, evidence, remedy },
      withoutProducts: broken.filter((one) => one.id === madeElsewhere).map((one) => one.host),
    };
  } finally {
    observer.close();
  }
}
