import { expect } from "vitest";

/** Breaks a bench off as soon as it tells of a step that begins with `step`: it ends with the reason of that. */
export async function expectBrokenOff(
  step: string,
  run: (options: { readonly signal: AbortSignal; readonly onStep: (text: string) => void }) => Promise<unknown>,
): Promise<void> {
  const controller = new AbortController();
  const reason = new Error("ended by SIGINT");
  const onStep = (text: string): void => {
    if (text.startsWith(step)) controller.abort(reason);
  };
  await expect(run({ signal: controller.signal, onStep })).rejects.toBe(reason);
}
