import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import { readPulumi } from "../../scripts/engine/engine.ts";
import { checkout } from "../../scripts/engine/places.ts";
import { readCommittedConfig } from "../../scripts/engine/stack-config.ts";
import { type BenchSteps, cleanly } from "./cleanly.ts";
import type { EngineRun, PreviewResult } from "./preview-report.ts";
import { TreeUsage } from "./tree-usage.ts";

export interface PreviewBench extends BenchSteps {
  readonly stack: string;
  readonly runs: number;
}

/** Measures runs of a stack whose hosts match it. @throws UserError if they don't, or can't be reached */
export function runPreviewBench({ stack, runs, signal, onStep }: PreviewBench): Promise<PreviewResult> {
  return cleanly(signal, async (cleanup) => {
    const measure = async (name: "preview" | "up", text: string): Promise<EngineRun> => {
      const flags = name === "up" ? ["--yes"] : [];
      const child = spawn(join(checkout, "warren"), [name, "-s", stack, "--expect-no-changes", ...flags], {
        cwd: checkout,
        stdio: ["ignore", "ignore", "pipe"],
      });
      cleanup.add(() => ended(child));
      const run = await measured(child, `./warren ${name} -s ${stack}`, `run ./warren up -s ${stack} first`);
      onStep(`${text}: ${run.seconds.toFixed(1)} s`);
      return run;
    };
    const series = async (name: "preview" | "up"): Promise<EngineRun[]> => {
      const all: EngineRun[] = [];
      while (all.length < runs) all.push(await measure(name, `${name} ${all.length + 1} of ${runs}`));
      return all;
    };
    // The first run after a change compiles and bundles.
    await measure("preview", "preview, not counted");
    const preview = await series("preview");
    const up = await series("up");
    const state = await readPulumi(["stack", "export", "--stack", stack], { stack, signal });
    const { deployment } = JSON.parse(state) as { readonly deployment: { readonly resources: readonly unknown[] } };
    return {
      ...{ stack, preview, up, hosts: Object.keys(readCommittedConfig(stack).hosts).length },
      ...{ resources: deployment.resources.length, stateBytes: Buffer.byteLength(state) },
    };
  });
}

/** Characters of what a failed run said last. */
const saidMax = 2000;

/** Waits for a run of the engine. @throws UserError with what it said if it fails */
export async function measured(child: ChildProcess, command: string, remedy: string): Promise<EngineRun> {
  const began = performance.now();
  const usage = new TreeUsage(child.pid ?? 0);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      said = `${said}${text}`.slice(-saidMax);
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  usage.stop();
  if (code !== 0) {
    const why = `ended with ${code}: ${said.trim() || "the hosts don't match the stack, or can't be reached"}`;
    throw new UserError(command, why, remedy);
  }
  return { seconds: (performance.now() - began) / 1000, cpuSeconds: usage.seconds };
}

/** Ends it as Ctrl-C does. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, "close");
  child.kill("SIGINT");
  await closed;
}
