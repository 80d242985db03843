import * as z from "zod";

/** Version of the answer. It changes if the meaning of a key does; a new key does not change it. */
export const auditHistoryVersion = 1;

/**
 * Upper bounds in seconds of the classes of `latency`; one more class has everything slower. 1 s and 10 s are the bounds of the service's
 * objective, 120 s that of an overdue product.
 */
export const latencyBoundsSeconds = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120] as const;

/** The same for files of the public path; 5 s is the bound of its objective. Senders' `latency_seconds` has a bucket for each. */
export const publicBoundsSeconds = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300] as const;

const count = z.int().nonnegative();
const timeMs = z.int().nonnegative();

/** What the auditor counted in one hour. A product counts in the hour in which it was announced first. */
export const auditHour = z.object({
  /** Start of the hour, in milliseconds since 1970. */
  startMs: timeMs,
  announced: count,
  dispatched: count,
  placed: count,
  /** Not placed within the auditor's limit; `placedLate` of them were placed afterwards. */
  overdue: count,
  placedLate: count,
  /** Placed a second time. */
  repeated: count,
  /** The auditor can't know whether they were placed. */
  unknown: count,
  /** Valid announcements that became dead letters. */
  deadLetters: count,
  /** Time for which the auditor kept no record. */
  gapSeconds: z.number().min(0).max(3600),
  /** Placed products by their time from complete file to placed file: a number for each class of `latencyBoundsSeconds`. */
  latency: z.array(count).length(latencyBoundsSeconds.length + 1),
});
export type AuditHour = z.infer<typeof auditHour>;

const publicClasses = z.array(count).length(publicBoundsSeconds.length + 1);

/** What the monitor's Prometheus knows of one hour of the public path: a number for each class of `publicBoundsSeconds`, rounded. */
export const publicHour = z.object({
  startMs: timeMs,
  /** Minutes of the hour in which all senders answered. */
  minutes: z.int().min(0).max(60),
  /** Files by their time from the last change on px until they were complete on the public data server. */
  delivered: publicClasses,
  /** Announcements to clients by their time from there until the broker had them. */
  announced: publicClasses,
});
export type PublicHour = z.infer<typeof publicHour>;

/** An alert, from when it fired to its end. */
export const incident = z.object({
  alert: z.string().max(200),
  severity: z.string().max(20),
  /** What it is about: its labels beyond name and severity, e.g. `host=bunny1`. */
  about: z.string().max(500),
  summary: z.string().max(1000),
  /** When its condition began to hold. */
  beganMs: timeMs,
  /** When Alertmanager reported it. */
  notifiedMs: timeMs,
  /** Missing while it lasts. */
  endedMs: timeMs.optional(),
});
export type Incident = z.infer<typeof incident>;

/** The answer to `GET /history?from=MS&to=MS`. */
export const auditHistory = z.object({
  version: z.literal(auditHistoryVersion),
  hours: z.array(auditHour),
  incidents: z.array(incident),
  /** Hours of which nothing is known are missing. */
  publicHours: z.array(publicHour),
});
export type AuditHistory = z.infer<typeof auditHistory>;
