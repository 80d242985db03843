/** Asks until the answer is neither undefined nor false. Gives undefined when the time is over. */
export async function poll<T>(
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  { everyMs, withinMs, signal }: { everyMs: number; withinMs: number; signal?: AbortSignal | undefined },
): Promise<T | undefined> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    signal?.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() >= deadline) return undefined;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
