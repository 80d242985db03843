import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../agents/lib/errors.ts";
import type { Reach } from "../runbook/reach.ts";

const script = [
  "export LC_ALL=C DEBIAN_FRONTEND=noninteractive",
  "dpkg --force-confdef --force-confold --configure -a 2>&1",
  'echo "ended $?"',
  "",
].join("\n");

/** As long as apt itself waits for another one. */
const withinMs = 120_000;
const againMs = 1000;

/** What dpkg said; undefined where the answer ends early. */
export function parseDpkg(answer: string): { readonly said: string; readonly exitCode: number } | undefined {
  const found = /^([\s\S]*)^ended (\d+)\n?$/m.exec(answer);
  return found ? { said: found[1]?.trim() ?? "", exitCode: Number(found[2]) } : undefined;
}

/**
 * Has each host finish what an `up` that was killed has left half installed: apt does nothing before that is done. One that still installs on its own
 * is waited for.
 */
export async function finishPackages(reach: Reach, signal: AbortSignal): Promise<void> {
  await Promise.all(reach.hosts.map((host) => finishOn(reach, host, signal)));
}

async function finishOn(reach: Reach, host: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    signal.throwIfAborted();
    const answer = await reach.ask(host, script, parseDpkg, withinMs);
    const said = "unreachable" in answer ? answer.unreachable : answer.said;
    if (!("unreachable" in answer) && answer.exitCode === 0) return;
    // The lock of another dpkg, or of apt.
    if ("unreachable" in answer || !/lock/i.test(said) || Date.now() >= deadline) {
      const remedy = `look at it there: dpkg --configure -a; the same command goes on`;
      throw new UserError(
        host,
        `its packages are half installed, and dpkg can't finish them: ${said.split("\n").at(-1)}`,
        remedy,
      );
    }
    await sleep(againMs, undefined, { signal });
  }
}
