import { Cleanup } from "../rigs/cleanup.ts";

/** What a bench tells while it runs, and is told. */
export interface BenchSteps {
  readonly signal: AbortSignal;
  readonly onStep: (text: string) => void;
}

/** Measures; what was made for it is gone when this resolves or rejects. Broken off by `signal` it rejects with the signal's reason. */
export async function cleanly<T>(signal: AbortSignal, measure: (cleanup: Cleanup) => Promise<T>): Promise<T> {
  const cleanup = new Cleanup();
  try {
    return await measure(cleanup);
  } catch (error) {
    // What was broken off on purpose fails in many ways.
    signal.throwIfAborted();
    throw error;
  } finally {
    await cleanup.run();
  }
}
