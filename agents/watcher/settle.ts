import type { FileFacts } from "../lib/scan.ts";
import type { Config } from "./config.ts";
import type { ArrivalKind } from "./resting.ts";

/**
 * A file that is renamed into place is complete. It rests only until the file system's clock has advanced, so that a later change
 * gets a different time: a kernel tick is at most 10 ms.
 */
const movedSettleMs = 20;

type SettleConfig = Pick<Config, "settleMs" | "emptySettleMs" | "foundSettleMs">;

/**
 * How many more milliseconds a file must stay unchanged, counted from its ctime (which can't be set by hand); 0: none. A time ahead
 * of our clock is ignored.
 */
export function waitMsOf(
  how: ArrivalKind,
  facts: Pick<FileFacts, "size" | "changedMs">,
  nowMs: number,
  config: SettleConfig,
): number {
  const restedMs = nowMs - facts.changedMs;
  return restedMs < 0 ? 0 : Math.max(0, Math.ceil(restMsOf(how, facts.size, config) - restedMs));
}

function restMsOf(how: ArrivalKind, size: number, config: SettleConfig): number {
  if (how === "moved") return movedSettleMs;
  const restMs = how === "closed" ? config.settleMs : config.foundSettleMs;
  // Many writers create a file first and write its content later.
  return size === 0 ? Math.max(restMs, config.emptySettleMs) : restMs;
}
