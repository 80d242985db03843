import type { Log } from "../lib/log.ts";
import type { Sources } from "./sources.ts";

/** Says in the journal which source is missed, and when it is no longer. To be asked now and then while dispatching. */
export function tellSilence(sources: Sources, log: Log, nowMs: number): void {
  for (const { source, silent, forMs, forgotten } of sources.check(nowMs)) {
    const facts = { source, silentSeconds: Math.round(forMs / 1000) };
    if (silent) log.warn(facts, "a source is silent while another one announces");
    else if (forgotten) log.warn(facts, "a source that was silent for a day is no longer missed");
    else log.info(facts, "a source that was silent announces again");
  }
}
