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
  const placed = metrics.counter("placed", "messages written as files to the receiver queue folder");
  const bytes = metrics.counter("placed_bytes", "bytes of these messages");
  const numbered = metrics.counter("numbered", "placed files that were numbered, as another file had the name");
  const there = metrics.counter("already_there", "messages whose file is already waiting or was placed before", [
    "how",
  ]);
  const rejected = metrics.counter("rejected", "messages rejected by the rules", ["by"]);
  const unfit = metrics.counter("unfit", "messages that can't become files, dead-lettered or set aside", ["where"]);
  const forgotten = metrics.counter("not_remembered", "placed messages that a restarted receiver won't know");
  const localFaults = metrics.counter("local_faults", "times that this host stopped accepting files, by error code", [
    "code",
  ]);
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
      log.info({ fileName: name, how }, "received again, but already placed: no second file");
    },
    rejected(name, pattern) {
      rejected.inc({ by: pattern === undefined ? "none" : "rule" });
      log.info({ fileName: name, pattern }, "dropped: rejected by the rules");
    },
    unfit(reason, routingKey, where) {
      counts.unfitCount += 1;
      unfit.inc({ where: where === "aside" ? "aside" : "dead_letter" });
      // The consumer logs a dead letter once the broker has confirmed it.
      if (where === "aside") log.warn({ reason, routingKey }, "message set aside");
    },
    notRemembered(error) {
      forgotten.inc();
      log.debug({ err: error }, "can't record a placed message: after a kill it might be placed again");
    },
    localFault(fault) {
      localFaults.inc({ code: fault.code });
      log.error({ reason: fault.message }, "this host can't write files: nothing is lost, retrying");
    },
    localCleared() {
      log.info("this host can write files again");
    },
  };
}
