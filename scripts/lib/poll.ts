import { setTimeout as sleep } from "node:timers/promises";

export interface Wait {
  /** Milliseconds between an answer and the next question. */
  readonly everyMs: number;
  /** Milliseconds; without it, until the signal ends it. */
  readonly withinMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks until the answer is neither undefined nor false: first at once, and a last time when the time is over. zx's `retry` counts attempts instead of
 * time, and no signal ends it.
 *
 * @returns the answer; undefined when the time is over
 * @throws the signal's reason, and what `ask` throws
 */
export async function poll<T>(
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  { everyMs, withinMs = Number.POSITIVE_INFINITY, signal }: Wait,
): Promise<T | undefined> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    signal?.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() >= deadlineMs) return undefined;
    await pause(everyMs, signal);
  }
}

/** The signal ends it early, without an error. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => {});
