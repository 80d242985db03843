import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { ReceiverEvents } from "./receiver.ts";

export interface Counts {
  readonly placedCount: number;
  readonly unfitCount: number;
}

export interface Telemetry extends ReceiverEvents {
  readonly counts: Counts;
}

/** Counts and logs what the receiver does. */
export function openTelemetry(log: Log, metrics: Metrics): Telemetry {
  const placed = metrics.counter("placed", "messages put into the receiver queue folder as files");
  const bytes = metrics.counter("placed_bytes", "their bytes");
  const numbered = metrics.counter("numbered", "of those, the ones whose name another file had");
  const there = metrics.counter("already_there", "messages whose file waits already, or was placed before", ["how"]);
  const rejected = metrics.counter("rejected", "messages that the rules are against", ["by"]);
  const unfit = metrics.counter("unfit", "messages that can't be files: dead letters, or put aside", ["where"]);
  const forgotten = metrics.counter("not_remembered", "placed messages that a restart will not know of");
  const localFaults = metrics.counter("local_faults", "times that this host began to take no files, by code", ["code"]);
  const counts = { placedCount: 0, unfitCount: 0 };
  return {
    counts,
    placed(name, size, isNumbered) {
      counts.placedCount += 1;
      placed.inc();
      bytes.inc(size);
      if (isNumbered) numbered.inc();
      log.info({ fileName: name, bytes: size }, "received");
    },
    alreadyThere(name, how) {
      there.inc({ how });
      log.info({ fileName: name, how }, "received again, but placed already: no second file");
    },
    rejected(name, pattern) {
      rejected.inc({ by: pattern === undefined ? "none" : "rule" });
      log.info({ fileName: name, pattern }, "not kept: rejected by the rules");
    },
    unfit(reason, routingKey, where) {
      counts.unfitCount += 1;
      unfit.inc({ where: where === "aside" ? "aside" : "dead_letter" });
      // Of a dead letter the consumer says it, once the broker has it.
      if (where === "aside") log.warn({ reason, routingKey }, "message put aside");
    },
    notRemembered(error) {
      forgotten.inc();
      log.debug({ err: error }, "what is placed can't be noted: after a kill it might be placed once more");
    },
    localFault(fault) {
      localFaults.inc({ code: fault.code });
      log.error({ reason: fault.message }, "this host takes no files; nothing is lost, trying again");
    },
    localCleared() {
      log.info("this host takes files again");
    },
  };
}
