import type { FileFacts } from "../lib/scan.ts";
import type { Config } from "./config.ts";
import type { Coming } from "./resting.ts";

/**
 * What is renamed into place is whole. It rests only until the file system's clock has gone on, so that no later change can have the
 * same time: ticks of the kernel are at most 10 ms.
 */
const movedSettleMs = 20;

type SettleConfig = Pick<Config, "settleMs" | "emptySettleMs" | "foundSettleMs">;

/**
 * Milliseconds for which a file must still be left alone, counted from its last change of any kind (that time can't be set by hand);
 * 0: long enough. A time ahead of our clock says nothing.
 */
export function waitMsOf(
  coming: Coming,
  facts: Pick<FileFacts, "size" | "changedMs">,
  nowMs: number,
  config: SettleConfig,
): number {
  const restedMs = nowMs - facts.changedMs;
  return restedMs < 0 ? 0 : Math.max(0, Math.ceil(restMsOf(coming, facts.size, config) - restedMs));
}

function restMsOf(coming: Coming, size: number, config: SettleConfig): number {
  if (coming === "moved") return movedSettleMs;
  const restMs = coming === "closed" ? config.settleMs : config.foundSettleMs;
  // Many writers make a file first and come back with its content.
  return size === 0 ? Math.max(restMs, config.emptySettleMs) : restMs;
}
