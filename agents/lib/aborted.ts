/**
 * The result of some work; undefined if the signal aborts first. It leaves no listener on the signal: one for each wait would make a signal that lives
 * as long as the process slower and larger with each.
 */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const onAbort = () => resolve(undefined);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    // Also for a signal that has aborted: work that fails later must not end the process as an unhandled rejection.
    return await Promise.race([promise, work]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
