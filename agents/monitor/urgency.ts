import type { AlertView } from "./view.ts";

/** Pages before tickets, silenced ones last, the newest first. */
export const byUrgency = (alerts: Readonly<Record<string, AlertView>>): (readonly [string, AlertView])[] =>
  Object.entries(alerts).toSorted(([, one], [, other]) => urgency(other) - urgency(one) || other.sinceMs - one.sinceMs);

const urgency = ({ severity, isSilenced }: AlertView): number => (isSilenced ? 0 : 2) + (severity === "page" ? 1 : 0);
