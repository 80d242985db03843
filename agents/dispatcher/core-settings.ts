import { type Config, sharesOf } from "./config.ts";
import type { CoreOptions } from "./core-options.ts";

/**
 * After so long without any delivery the ledger is read up to a marker before the next is decided: another host may have worked
 * meanwhile. Under load there is no such pause, and after one it costs the first product some 20 ms.
 */
const silenceMs = 1000;

/** What the core is told of the config. */
export function coreOptionsOf(config: Config): CoreOptions {
  const { inputTopic, notifyTopic, alternateTopic, twinTopic, entriesMax, receipts } = config;
  const { giveUpMs, confirmTimeoutMs, standbyServeDelayMs } = config;
  return {
    ...{ inputTopic, notifyTopic, alternateTopic, twinTopic, entriesMax, receipts },
    ...{ giveUpMs, confirmTimeoutMs, standbyServeDelayMs, silenceMs },
    ...sharesOf(config),
    dedupWindowMs: config.dedupWindowSeconds * 1000,
    retry: { minMs: config.retryDelayMinMs, maxMs: config.retryDelayMaxMs },
    doubtMs: config.doubtSeconds * 1000,
    doubtMaxMs: config.doubtMaxSeconds * 1000,
    alternateWaitMs: config.alternateWaitSeconds * 1000,
  };
}
