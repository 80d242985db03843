/** Version of `FlowView`. A browser that has another one loads the page again. */
export const flowViewVersion = 1;

/** `unknown`: nothing was measured. Each is shown by shape and word, not by colour alone. */
export type State = "ok" | "warn" | "bad" | "unknown";

/** One box of the map. */
export interface NodeView {
  readonly state: State;
  /** What is wrong, in one to four words; absent if nothing is. */
  readonly word?: string;
  readonly lines: readonly string[];
}

/** One figure of the strip. */
export interface Figure {
  readonly value: string;
  readonly note?: string;
  readonly state: State;
}

export interface AlertView {
  readonly name: string;
  readonly severity: "page" | "ticket";
  readonly summary: string;
  readonly description?: string;
  /** Where it is explained: a section of the docs, or a URL. */
  readonly runbook?: string;
  /** Id of the step of `./warren verify` to read first. */
  readonly step?: string;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  readonly isSilenced?: true;
}

export interface SilenceView {
  readonly comment: string;
  readonly by: string;
  readonly matchers: string;
  readonly endsMs: number;
}

export interface DeadLetterView {
  readonly reason: string;
  /** In the last 24 hours, or since the start of what is asked. */
  readonly count: number;
}

/**
 * All that a browser shows, made once for all browsers in each poll. Records, not lists, where parts change one by one, so that a difference
 * (`patch.ts`) is small. All texts are ready to be shown, and none of them is trusted. Absent instead of null.
 */
export interface FlowView {
  readonly version: typeof flowViewVersion;
  readonly stack: string;
  /** When Prometheus last answered, in milliseconds since 1970; 0 for never. */
  readonly atMs: number;
  readonly verdict: {
    readonly state: State;
    readonly text: string;
    readonly runbook?: string;
    readonly step?: string;
  };
  /** Why a source does not answer, by its name. */
  readonly faults: Readonly<Record<string, string>>;
  readonly nodes: Readonly<Record<string, NodeView>>;
  /** Messages, products or files a second, by the edge's id. */
  readonly rates: Readonly<Record<string, number>>;
  readonly strip: Readonly<Record<string, Figure>>;
  readonly alerts: Readonly<Record<string, AlertView>>;
  readonly silences: Readonly<Record<string, SilenceView>>;
  readonly deadLetters: Readonly<Record<string, DeadLetterView>>;
}

/** Older than this, a view is shown grey. */
export const staleMs = 15_000;

/** Ranges of the history. */
export const ranges = {
  "1h": { title: "1 hour", seconds: 3600, stepSeconds: 15, keptMs: 5000 },
  "24h": { title: "24 hours", seconds: 86_400, stepSeconds: 300, keptMs: 60_000 },
  "15d": { title: "15 days", seconds: 15 * 86_400, stepSeconds: 3600, keptMs: 600_000 },
} as const;
export type Range = keyof typeof ranges;
export const isRange = (text: string): text is Range => Object.hasOwn(ranges, text);

/** One chart: times in seconds since 1970, a list of values for each line; null where nothing was measured. */
export interface Chart {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly labels: readonly string[];
  readonly times: readonly number[];
  readonly values: readonly (readonly (number | null)[])[];
}

/** An agent started, or a verb of warren began to change hosts. */
export interface Mark {
  readonly kind: "start" | "work";
  /** Seconds since 1970. */
  readonly time: number;
  readonly text: string;
}

export interface History {
  readonly range: Range;
  readonly charts: readonly Chart[];
  /** The newest first. */
  readonly marks: readonly Mark[];
}
