import { UserError } from "../lib/errors.ts";

/** Where the clock reads the time; tests pass their own. */
export interface ClockSources {
  /** The system's clock, in milliseconds since 1970. It can be set. */
  readonly systemMs: () => number;
  /** Milliseconds since 1970: the system's clock at process start, and steady from then on, even if the system's clock is set. */
  readonly steadyMs: () => number;
}

const ownSources: ClockSources = { systemMs: Date.now, steadyMs: () => performance.timeOrigin + performance.now() };

/**
 * If the clock is set by more than this while the dispatcher runs, it was wrong before or is wrong now. Twins arrive seconds to
 * minutes apart, so times reported to other hosts and to the next process must not be further off. A host paused for a migration
 * loses less than this.
 */
export const clockStepMaxMs = 60_000;

/**
 * The dispatcher's clock. Within one process, time advances steadily: setting the system's clock (as time synchronization does
 * after a boot with a wrong clock) neither shortens nor lengthens a window. The difference from the system's clock can be read,
 * because first arrivals are reported to other hosts and to the next process, which use the correct time.
 */
export class Clock {
  readonly #sources: ClockSources;

  constructor(sources: ClockSources = ownSources) {
    this.#sources = sources;
  }

  /** Milliseconds since 1970; never goes back. */
  readonly nowMs = (): number => this.#sources.steadyMs();

  /** How far the system's clock was set since process start; forward is positive. A few milliseconds are not a step. */
  get steppedMs(): number {
    return this.#sources.systemMs() - this.#sources.steadyMs();
  }

  /** The step is too large to work with, so this process has to exit. A new process starts with the correct time. */
  get restartReason(): UserError | undefined {
    const { steppedMs } = this;
    if (Math.abs(steppedMs) < clockStepMaxMs) return undefined;
    const direction = steppedMs < 0 ? "back" : "forward";
    const problem = `the system's clock was set ${direction} by ${Math.round(Math.abs(steppedMs) / 1000)} s`;
    return new UserError(
      "clock",
      problem,
      "nothing is lost: after the restart it reads its journal with the correct time",
    );
  }
}
