import * as z from "zod";
import { printableLine } from "../lib/foreign.ts";
import type { AlertView, Mark, SilenceView } from "./view.ts";

const time = z.string().transform((text) => Date.parse(text) || 0);
const texts = z.record(z.string(), z.string());

/** Alertmanager's `/api/v2/alerts`, as far as the page shows it. */
const alertAnswer = z.object({
  fingerprint: z.string(),
  startsAt: time,
  labels: texts,
  annotations: texts.default({}),
  status: z.object({ state: z.string(), silencedBy: z.array(z.string()).default([]) }),
});

/** Its `/api/v2/silences`. */
const silenceAnswer = z.object({
  id: z.string(),
  startsAt: time,
  endsAt: time,
  createdBy: z.string().default(""),
  comment: z.string().default(""),
  status: z.object({ state: z.string() }),
  matchers: z.array(
    z.object({ name: z.string(), value: z.string(), isRegex: z.boolean(), isEqual: z.boolean().default(true) }),
  ),
});

/** Who sets silences for planned work, at Alertmanager. */
export const silencedBy = "warren";

const shownMax = 100;
const textMax = 300;
const line = (text: string): string => printableLine(text, textMax);

/** Alerts that page or make a ticket, the newest hundred. @throws ZodError for an answer of another form */
export function alertsOf(answer: unknown): Record<string, AlertView> {
  const found = z
    .array(alertAnswer)
    .parse(answer)
    .filter(({ labels }) => isShown(labels.severity));
  const newest = found.toSorted((one, other) => other.startsAt - one.startsAt).slice(0, shownMax);
  return Object.fromEntries(
    newest.map(({ fingerprint, startsAt, labels, annotations, status }) => [
      fingerprint,
      {
        name: line(labels.alertname ?? "alert"),
        severity: labels.severity === "page" ? "page" : "ticket",
        summary: line(annotations.summary ?? labels.alertname ?? ""),
        ...(annotations.description ? { description: line(annotations.description) } : {}),
        ...(annotations.runbook ? { runbook: line(annotations.runbook) } : {}),
        ...(annotations.step ? { step: line(annotations.step) } : {}),
        sinceMs: startsAt,
        ...(status.silencedBy.length > 0 ? { isSilenced: true } : {}),
      } satisfies AlertView,
    ]),
  );
}

const isShown = (severity: string | undefined): boolean => severity === "page" || severity === "ticket";

/** Silences that are in force. @throws ZodError for an answer of another form */
export function silencesOf(answer: unknown): Record<string, SilenceView> {
  const active = z
    .array(silenceAnswer)
    .parse(answer)
    .filter(({ status }) => status.state === "active");
  return Object.fromEntries(
    active.slice(0, shownMax).map(({ id, endsAt, createdBy, comment, matchers }) => [
      id,
      {
        comment: line(comment),
        by: line(createdBy),
        matchers: line(matchers.map(matcherText).join(", ")),
        endsMs: endsAt,
      },
    ]),
  );
}

/** Every verb that changes hosts silences their tickets first; Alertmanager remembers that silence. @throws ZodError for an answer of another form */
export function workMarksOf(answer: unknown): Mark[] {
  return z
    .array(silenceAnswer)
    .parse(answer)
    .filter(({ createdBy }) => createdBy === silencedBy)
    .map(({ startsAt, comment }) => ({ kind: "work", time: Math.round(startsAt / 1000), text: line(comment) }));
}

const matcherText = ({ name, value, isRegex, isEqual }: z.infer<typeof silenceAnswer>["matchers"][number]): string =>
  `${name}${isEqual ? "=" : "!"}${isRegex ? "~" : isEqual ? "" : "="}${value}`;
