import { UserError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { ManagementError } from "../lib/management.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { AuditLine } from "./audit.ts";
import type { Stage, Watched } from "./decide.ts";
import type { QueueManagerEvents } from "./queue-manager.ts";

export interface Telemetry extends QueueManagerEvents {
  /** Why the last poll or step failed; undefined if the last poll succeeded. */
  readonly fault: string | undefined;
  /** Undefined before the first poll. */
  readonly queuesCount: number | undefined;
  readonly watched: ReadonlyMap<string, Watched>;
}

const stages: readonly Stage[] = ["seen", "warned", "unbound", "stuck"];

/** Counts and logs what the queue manager does. */
export function openTelemetry(log: Log, metrics: Metrics): Telemetry {
  const polls = metrics.counter("looks", "polls of all queues");
  const failures = metrics.counter("failures", "failed polls and steps");
  const events = metrics.counter("events", "lines of the audit file, by event", ["event"]);
  let watched: ReadonlyMap<string, Watched> = new Map();
  let queuesCount: number | undefined;
  let fault: string | undefined;
  metrics.gauge("queues", "queues at the last poll", (gauge) => gauge.set(queuesCount ?? 0));
  metrics.gauge<"stage">(
    "watched",
    "queues that are unused and over their limits, by stage",
    (gauge) => {
      const found = [...watched.values()];
      for (const stage of stages) gauge.set({ stage }, found.filter((each) => each.stage === stage).length);
    },
    ["stage"],
  );
  return {
    get fault() {
      return fault;
    },
    get queuesCount() {
      return queuesCount;
    },
    get watched() {
      return watched;
    },
    audited(line: AuditLine) {
      events.inc({ event: line.event });
      log.warn(line, `queue: ${line.event}`);
    },
    polled({ queues, unknown }, next) {
      polls.inc();
      if (fault !== undefined) log.info("queues are managed again");
      fault = undefined;
      queuesCount = queues.length + unknown.length;
      watched = next;
      log.debug({ queues: queues.length, unknown: unknown.length, watched: next.size }, "polled all queues");
    },
    failed(what, error) {
      failures.inc();
      const reason = `${what}: ${explain(error)}`;
      // Logged once, not in every round.
      if (reason !== fault) log.error({ reason }, "can't manage all queues, retrying");
      fault = reason;
    },
  };
}

function explain(error: Error): string {
  if (error instanceof UserError) return error.format();
  if (!(error instanceof ManagementError) || (error.status !== 401 && error.status !== 403)) return error.message;
  return `${error.message}; the user needs the tag management, permission to configure and write on the queues, and to read on the exchanges`;
}
