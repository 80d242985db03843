import { type AuditHour, latencyBoundsSeconds } from "../lib/audit-history.ts";
import type { Gaps } from "./gaps.ts";

export const hourMs = 3_600_000;

/** What an hour has more of. */
export type HourCounts = Partial<Omit<AuditHour, "startMs" | "gapSeconds" | "latency">>;

export const hourOf = (timeMs: number): number => Math.floor(timeMs / hourMs) * hourMs;

export const emptyHour = (startMs: number): AuditHour => ({
  startMs,
  ...{ announced: 0, dispatched: 0, placed: 0, overdue: 0, placedLate: 0, repeated: 0, unknown: 0, deadLetters: 0 },
  gapSeconds: 0,
  latency: [...latencyBoundsSeconds, 0].map(() => 0),
});

/** The hours that one transaction changes. */
export class Hours {
  readonly #known: (startMs: number) => AuditHour | undefined;
  readonly #changed = new Map<number, AuditHour>();

  /** @param known an hour in the store */
  constructor(known: (startMs: number) => AuditHour | undefined) {
    this.#known = known;
  }

  get changed(): readonly AuditHour[] {
    return [...this.#changed.values()];
  }

  /** An hour without products is one with a record, too. True if it is new. */
  touch(timeMs: number): boolean {
    const startMs = hourOf(timeMs);
    if (this.#known(startMs)) return false;
    this.#changed.set(startMs, this.#at(startMs));
    return true;
  }

  add(timeMs: number, counts: HourCounts): void {
    const added = Object.entries(counts).filter(([, count]) => count !== 0) as [keyof HourCounts, number][];
    if (added.length === 0) return;
    const hour = this.#at(timeMs);
    const sums = added.map(([name, count]) => [name, Math.max(0, hour[name] + count)]);
    this.#changed.set(hour.startMs, { ...hour, ...Object.fromEntries(sums) });
  }

  /** Another product took so long. @param timeMs when it was first seen */
  took(timeMs: number, durationMs: number): void {
    const hour = this.#at(timeMs);
    const found = latencyBoundsSeconds.findIndex((bound) => durationMs <= bound * 1000);
    const at = found < 0 ? latencyBoundsSeconds.length : found;
    this.#changed.set(hour.startMs, {
      ...hour,
      latency: hour.latency.map((count, index) => count + Number(index === at)),
    });
  }

  /** The gaps between these times are new or longer. */
  gap(fromMs: number, toMs: number, gaps: Gaps): void {
    for (let startMs = hourOf(fromMs); startMs <= toMs; startMs += hourMs) {
      const gapSeconds = Math.round(gaps.totalMs(startMs, startMs + hourMs) / 1000);
      const hour = this.#at(startMs);
      if (gapSeconds > hour.gapSeconds) this.#changed.set(startMs, { ...hour, gapSeconds });
    }
  }

  #at(timeMs: number): AuditHour {
    const startMs = hourOf(timeMs);
    return this.#changed.get(startMs) ?? this.#known(startMs) ?? emptyHour(startMs);
  }
}
