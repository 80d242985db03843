import { execa } from "execa";
import { expect } from "vitest";
import type { Account } from "../../chaos/account.ts";
import type { Fault } from "../../chaos/faults.ts";
import { formatChaos } from "../../chaos/report.ts";
import { runChaos } from "../../chaos/run.ts";
import { closeScene, openScene, type Scene } from "../../chaos/scene.ts";
import { checkoutDirectory } from "../paths.ts";
import { lab, stackConfig } from "./subject.ts";

const seed = 5;

export interface Work {
  readonly name: string;
  act(scene: Scene): Promise<void>;
}

/** Does work in the place of faults: products come before, meanwhile and afterwards, all is whole after each, and each product is counted. */
export async function whileFlowing(works: readonly Work[], perSecond: number, withinMs: number): Promise<Account> {
  const scene = await openScene(lab, await stackConfig());
  const failures: unknown[] = [];
  const faults = works.map(
    ({ name, act }): Fault => ({
      ...{ name, summary: name, expectation: "none lost, none twice", holdMs: [0, 0], heal: async () => {} },
      hosts: ({ holder, others }) => [holder, ...others],
      inject: async () => {
        const atMs = Date.now();
        await act(scene).catch((error: unknown) => failures.push(error));
        return { atMs };
      },
    }),
  );
  try {
    const result = await runChaos({
      ...{ scene, seed, faults, rounds: faults.length, ratePerSecond: perSecond },
      durationMs: Number.POSITIVE_INFINITY,
      signal: AbortSignal.timeout(withinMs),
      say: (text) => process.stderr.write(`${text}\n`),
    });
    process.stderr.write(formatChaos(result, { faults, notDone: {}, color: false }));
    if (failures.length > 0) throw failures[0];
    expect(result.rounds.map(({ missing }) => missing)).toEqual(faults.map(() => undefined));
    return result.account;
  } finally {
    closeScene(scene);
  }
}

/** A verb as a person runs it, in a process group of its own: it can be killed with all that it has started. */
export function runVerb(words: readonly string[], timeoutMs: number) {
  return execa("./warren", [...words, "-s", lab, "--yes"], {
    ...{ cwd: checkoutDirectory, stdin: "ignore", reject: false, all: true, detached: true, timeout: timeoutMs },
    env: { NO_COLOR: "1" },
  });
}
