import type { AlertScope } from "./scope.ts";

/**
 * `page` wakes somebody: users get products late or not at all, or will within minutes. `ticket` is for the next morning: a cause, or a spare
 * part that is missing. `none` is the Watchdog.
 */
export type AlertSeverity = "page" | "ticket" | "none";

/** One alert: what Prometheus evaluates, and its section of `docs/alerts.md`. */
export interface Alert {
  /** In Prometheus' own style, e.g. `FlowStopped`. */
  readonly name: string;
  readonly severity: AlertSeverity;
  /** Seconds for which the expression must hold without interruption; a stack's `timeScale` shortens it. */
  readonly forSeconds: number;
  /** The expression; undefined if the stack has nothing that it could fire on. */
  readonly expression: (scope: AlertScope) => string | undefined;
  /** One line for a telephone. It may contain `{{ $labels.host }}` and the like. */
  readonly summary: string;
  /** What users notice: the annotation `description`. */
  readonly felt: string;
  /** What subscribers outside should know, in one sentence without names of hosts; default: nothing. */
  readonly outsiders?: string;
  /** Id of the step of `./warren verify` to read first; "" if verify does not see it. */
  readonly step: string;
  /** Commands that show the cause, besides `./warren verify`. */
  readonly look?: readonly string[];
  readonly remedy: string;
  /** Why the threshold and the time are what they are. */
  readonly why: string;
}

/** A recording rule: a figure that alerts share, or that would be too costly to compute at each evaluation. */
export interface Recording {
  readonly record: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
}
