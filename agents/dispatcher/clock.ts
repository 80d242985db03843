import { UserError } from "../lib/errors.ts";

/** What a clock is read from; tests give their own. */
export interface ClockSources {
  /** The system's clock, milliseconds since 1970: somebody may set it. */
  readonly systemMs: () => number;
  /** Since 1970 as the system's clock was when the process began, and steadily on from there, whatever is done to that clock. */
  readonly steadyMs: () => number;
}

const ownSources: ClockSources = { systemMs: Date.now, steadyMs: () => performance.timeOrigin + performance.now() };

/**
 * A clock that was set by so much while the dispatcher ran was wrong before, or is now. Twins are seconds to minutes apart: what is told
 * to other hosts and to the next process must not be further off. A host that stands still while it migrates loses less.
 */
export const clockStepMaxMs = 60_000;

/**
 * The dispatcher's clock. Within one process time goes on evenly: no window gets shorter or longer because somebody sets the system's
 * clock, as time synchronization does after a boot with a wrong one. The difference is there to be asked for: first arrivals are told
 * to other hosts and to the next process, and those go by the right time.
 */
export class Clock {
  readonly #sources: ClockSources;

  constructor(sources: ClockSources = ownSources) {
    this.#sources = sources;
  }

  /** Milliseconds since 1970, never less than before. */
  readonly nowMs = (): number => this.#sources.steadyMs();

  /** By how much the system's clock was set since the process began; forward is positive. A few milliseconds are no step. */
  get steppedMs(): number {
    return this.#sources.systemMs() - this.#sources.steadyMs();
  }

  /** Further off than can be worked with: why this process has to end. One that starts now has the right time. */
  get mustStartAnew(): UserError | undefined {
    const { steppedMs } = this;
    if (Math.abs(steppedMs) < clockStepMaxMs) return undefined;
    const direction = steppedMs < 0 ? "back" : "forward";
    const problem = `the system's clock was set ${direction} by ${Math.round(Math.abs(steppedMs) / 1000)} s`;
    return new UserError("clock", problem, "nothing is lost: started again, it reads its journal by the right time");
  }
}
