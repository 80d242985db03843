import type { Log } from "../lib/log.ts";
import { logEvents } from "../lib/log-events.ts";
import type { CoreState } from "./core.ts";

/** A take-over that is under way or over, in milliseconds of the dispatcher's clock. */
interface TakeOver {
  readonly heldAtMs: number;
  firstDeliveryAtMs: number | undefined;
}

/**
 * One line in the journal for each change of state that is no everyday matter, with how long the last one lasted, and one for each taking over: from the address to
 * the first decision, and how much of that was waiting for something to decide.
 */
export class StateLog {
  readonly #log: Log;
  readonly #onTakenOver: (tookMs: number) => void;
  #state: CoreState;
  #sinceMs: number;
  #takeOver: TakeOver | undefined;

  /** `onTakenOver` gets the milliseconds from the first announcement's coming, or from the address where that came later, to its decision. */
  constructor(log: Log, state: CoreState, nowMs: number, onTakenOver: (tookMs: number) => void = () => {}) {
    this.#log = log;
    this.#state = state;
    this.#sinceMs = nowMs;
    this.#onTakenOver = onTakenOver;
  }

  /** How long the state has lasted. */
  forMs(nowMs: number): number {
    return nowMs - this.#sinceMs;
  }

  /** To be told after every event; says something only when the state is another one. */
  is(state: CoreState, nowMs: number): void {
    if (state === this.#state) return;
    const lastedMs = Math.round(nowMs - this.#sinceMs);
    const level = isRoutine(this.#state, state, lastedMs) ? "debug" : "info";
    this.#log[level](
      { state, before: this.#state, lastedMs },
      `now ${state}, after ${seconds(lastedMs)} s ${this.#state}`,
    );
    this.#state = state;
    this.#sinceMs = nowMs;
  }

  held(nowMs: number): void {
    this.#takeOver = { heldAtMs: nowMs, firstDeliveryAtMs: undefined };
  }

  gone(): void {
    this.#takeOver = undefined;
  }

  /** An announcement came; of interest is the first one of a take-over. */
  delivered(nowMs: number): void {
    if (this.#takeOver) this.#takeOver.firstDeliveryAtMs ??= nowMs;
  }

  /** Something was decided: published, or known to be out. */
  decided(nowMs: number): void {
    const takeOver = this.#takeOver;
    if (takeOver?.firstDeliveryAtMs === undefined) return;
    this.#takeOver = undefined;
    const sinceAddressMs = Math.round(nowMs - takeOver.heldAtMs);
    const sinceDeliveryMs = Math.round(nowMs - takeOver.firstDeliveryAtMs);
    this.#log.info(
      { event: logEvents.takenOver, sinceAddressMs, sinceDeliveryMs },
      `taken over: first decision ${sinceAddressMs} ms after the address came, ${sinceDeliveryMs} ms after the first announcement`,
    );
    this.#onTakenOver(sinceDeliveryMs);
  }
}

/** Before a first announcement after a pause it is looked what others did: that takes milliseconds, and happens all day. */
function isRoutine(before: CoreState, state: CoreState, lastedMs: number): boolean {
  if (before === "active") return state === "catching-up";
  return before === "catching-up" && state === "active" && lastedMs < longCatchingUpMs;
}

const longCatchingUpMs = 1000;

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
