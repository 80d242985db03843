import * as z from "zod";
import type { Incident } from "../lib/audit-history.ts";
import { printableLine } from "../lib/foreign.ts";

/** More alerts at once say no more than these. */
const firingMax = 500;
const textMax = 400;

/** The answer of Prometheus to `/api/v1/alerts` (prometheus.io/docs/prometheus/latest/querying/api, "Alerts"). */
const alertsAnswer = z.object({
  data: z.object({
    alerts: z.array(
      z.object({
        state: z.string(),
        activeAt: z.string(),
        labels: z.record(z.string(), z.string()),
        annotations: z.record(z.string(), z.string()).default({}),
      }),
    ),
  }),
});

/** Incidents that last, each by what it is about. */
export type OpenIncidents = ReadonlyMap<string, Incident>;

/**
 * The alerts that fire, by what they are about. Alerts without severity, such as the one that always fires, are no incidents.
 *
 * @throws ZodError if the answer is another program's
 */
export function readFiring(answer: unknown, nowMs: number): Map<string, Incident> {
  const { alerts } = alertsAnswer.parse(answer).data;
  const firing = alerts.filter(({ state, labels: { severity = "none" } }) => state === "firing" && severity !== "none");
  return new Map(
    firing.slice(0, firingMax).map(({ activeAt, labels, annotations }) => {
      const { alertname = "", severity = "", ...others } = labels;
      const about = Object.entries(others)
        .filter(([name]) => name !== "instance" && name !== "job")
        .map(([name, value]) => `${name}=${value}`)
        .sort()
        .join(" ");
      const beganMs = Date.parse(activeAt);
      const one: Incident = {
        alert: printableLine(alertname, textMax / 4),
        severity: printableLine(severity, textMax / 40),
        about: printableLine(about, textMax),
        summary: printableLine(annotations.summary ?? "", textMax),
        beganMs: beganMs > 0 && beganMs <= nowMs ? Math.round(beganMs) : nowMs,
        notifiedMs: nowMs,
      };
      return [`${one.alert} ${one.about}`, one];
    }),
  );
}

/** What has changed since the last answer: incidents that began, and incidents that ended. Pure. */
export function changesOf(open: OpenIncidents, firing: OpenIncidents): Record<"began" | "ended", [string, Incident][]> {
  return {
    began: [...firing].filter(([name]) => !open.has(name)),
    ended: [...open].filter(([name]) => !firing.has(name)),
  };
}
