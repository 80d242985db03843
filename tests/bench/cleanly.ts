import { Cleanup } from "../rigs/cleanup.ts";

/** Progress of a bench, and its abort. */
export interface BenchSteps {
  readonly signal: AbortSignal;
  readonly onStep: (text: string) => void;
}

/** Measures, and cleans up before it resolves or rejects. When `signal` aborts, it rejects with the signal's reason. */
export async function cleanly<T>(signal: AbortSignal, measure: (cleanup: Cleanup) => Promise<T>): Promise<T> {
  const cleanup = new Cleanup();
  try {
    return await measure(cleanup);
  } catch (error) {
    // An abort can cause many different errors.
    signal.throwIfAborted();
    throw error;
  } finally {
    await cleanup.run();
  }
}
