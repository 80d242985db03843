import type { Log } from "../lib/log.ts";
import { logEvents } from "../lib/log-events.ts";
import type { CoreState } from "./core.ts";

/** A takeover, current or past, in milliseconds of the dispatcher's clock. */
interface TakeOver {
  readonly heldAtMs: number;
  firstDeliveryAtMs: number | undefined;
}

/**
 * Logs each change of state that is not routine, with the previous state's duration, and each takeover: the time from the address
 * to the first decision, and how much of it was spent waiting for an announcement.
 */
export class StateLog {
  readonly #log: Log;
  readonly #onTakenOver: (tookMs: number) => void;
  #state: CoreState;
  #sinceMs: number;
  #takeOver: TakeOver | undefined;

  /** `onTakenOver` gets the milliseconds to the first decision, counted from the first announcement, or from the address if it came later. */
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

  /** Call after every event; logs only if the state has changed. */
  update(state: CoreState, nowMs: number): void {
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

  /** An announcement arrived; only the first one of a takeover matters. */
  delivered(nowMs: number): void {
    if (this.#takeOver) this.#takeOver.firstDeliveryAtMs ??= nowMs;
  }

  /** An announcement was decided: published, or known to be published. */
  decided(nowMs: number): void {
    const takeOver = this.#takeOver;
    if (takeOver?.firstDeliveryAtMs === undefined) return;
    this.#takeOver = undefined;
    const sinceAddressMs = Math.round(nowMs - takeOver.heldAtMs);
    const sinceDeliveryMs = Math.round(nowMs - takeOver.firstDeliveryAtMs);
    this.#log.info(
      { event: logEvents.takenOver, sinceAddressMs, sinceDeliveryMs },
      `takeover complete: first decision ${sinceAddressMs} ms after the address arrived, ${sinceDeliveryMs} ms after the first announcement`,
    );
    this.#onTakenOver(sinceDeliveryMs);
  }
}

/** Before the first announcement after a pause, the ledger is read: that takes milliseconds and happens all day. */
function isRoutine(before: CoreState, state: CoreState, lastedMs: number): boolean {
  if (before === "active") return state === "catching-up";
  return before === "catching-up" && state === "active" && lastedMs < longCatchingUpMs;
}

const longCatchingUpMs = 1000;

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
