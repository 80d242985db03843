import type { CoreOptions } from "../../agents/dispatcher/core-options.ts";
import type { MakeCore } from "./core-under-test.ts";
import type * as realSubject from "./subject.ts";
import { limits, type Setting, times } from "./world.ts";

export type Subject = typeof realSubject;

/** Makes dispatchers as the real shell does, with the real core or one with a seeded bug. */
export function coreMaker(subject: Subject): (setting: Setting) => MakeCore {
  return (setting) => {
    const options = optionsOf(setting);
    return (instance, journal, nowMs) => {
      const table = new subject.DedupTable({ windowMs: times.windowMs, entriesMax: setting.entriesMax });
      const replay = subject.tableReplay(table, nowMs);
      for (const record of journal.records) {
        if (record.kind === "arrival") {
          replay.arrival(record.key, record.atMs, record.source, record.sizeBytes, record.certain);
        } else if (record.kind === "twin") replay.twin(record.key, record.ref);
        else replay[record.kind](record.key);
      }
      return new subject.DispatcherCore(options, { table, instance, random: () => 0.5 });
    };
  };
}

function optionsOf({ entriesMax, receipts }: Setting): CoreOptions {
  return {
    inputTopic: "v00.urp.input",
    notifyTopic: "v00.urp.notify",
    notifyKey: "path",
    alternateTopic: "v00.urp.alternate",
    twinTopic: "v00.urp.twin",
    entriesMax,
    retry: { minMs: 100, maxMs: 1000 },
    receipts,
    doubtMs: times.doubtMs,
    doubtMaxMs: times.doubtMaxMs,
    doubtsMax: limits.doubtsMax,
    publishingMax: limits.publishingMax,
    giveUpMs: times.giveUpMs,
    confirmTimeoutMs: times.confirmTimeoutMs,
    deliveryGapMs: times.deliveryGapMs,
    alternatesWaitingMax: limits.alternatesWaitingMax,
    alternateWaitMs: times.alternateWaitMs,
    standbyServeDelayMs: times.standbyServeDelayMs,
  };
}
