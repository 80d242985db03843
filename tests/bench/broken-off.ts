import { expect } from "vitest";

/** Aborts a bench at the step that starts with `step`, and expects that it rejects with the abort's reason. */
export async function expectAborted(
  step: string,
  run: (options: { readonly signal: AbortSignal; readonly onStep: (text: string) => void }) => Promise<unknown>,
): Promise<void> {
  const controller = new AbortController();
  const reason = new Error("stopped by SIGINT");
  const onStep = (text: string): void => {
    if (text.startsWith(step)) controller.abort(reason);
  };
  await expect(run({ signal: controller.signal, onStep })).rejects.toBe(reason);
}
