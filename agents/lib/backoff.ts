/** Exponential pauses between attempts, within two limits. */
export interface Backoff {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * Pause before attempt `attempt` (1 is the first retry). It doubles from `minMs` to `maxMs`, and half of it is random, so that
 * agents that lost a broker together do not come back together.
 */
export function backoffMs(backoff: Backoff, attempt: number, random: () => number = Math.random): number {
  const fullMs = Math.min(backoff.maxMs, backoff.minMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(fullMs / 2 + (random() * fullMs) / 2);
}

/**
 * Pause before the next attempt if several hosts are tried in turn: short within a round, growing from round to round. `failures`
 * counts failed attempts since the last lasting connection.
 */
export function nextHostDelayMs(backoff: Backoff, failures: number, hostCount: number, random?: () => number): number {
  const rounds = Math.floor(failures / hostCount);
  return failures % hostCount === 0 ? backoffMs(backoff, rounds, random) : backoffMs(backoff, 1, random);
}
