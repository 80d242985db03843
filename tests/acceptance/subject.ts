import { readFile } from "node:fs/promises";
import { execa } from "execa";
import { expect } from "vitest";
import type { StackConfig } from "../../infra/config/index.ts";
import { fullVariable } from "../../infra/model/names.ts";
import type { LabStack } from "../../scripts/engine/lab-stacks.ts";
import { readStackConfig, stackConfigFile } from "../../scripts/engine/stack-config.ts";
import { ensureToolchain } from "../../scripts/engine/toolchain/toolchain.ts";
import { type HostResult, hostExec, labDown } from "../../scripts/lab/index.ts";
import { bringHosts } from "../../scripts/lab/job.ts";
import { checkoutDirectory } from "../../scripts/lab/paths.ts";
import { needRecord } from "../../scripts/lab/registry.ts";
import { type SendOptions, sendProducts } from "../../scripts/lab/send-products.ts";
import { poll } from "../../scripts/lib/poll.ts";
import type { RunResult } from "../../scripts/traffic/run.ts";

/** The running lab that `./warren test --on LAB` names: it is used as it is, and kept. */
const givenLab = process.env.WARREN_TEST_LAB;
export const isGivenLab = givenLab !== undefined;

/** The lab and stack that all tests of a test file share. */
export let lab = givenLab ?? "acceptance";
/** The committed stack that the lab is made from. */
export let base: LabStack = "lab";

let edit: ((text: string) => string) | undefined;

/**
 * Called at the top of a test file that has its own lab. Each test file has its own instance of this module.
 *
 * @param change changes the committed stack's text
 */
export function useSubject(name: string, stack: LabStack, change?: (text: string) => string): void {
  lab = givenLab ?? name;
  base = stack;
  edit = change;
}

/** The stack's config file, which `./warren lab` derives from the committed one. */
export const stackFile = (): string => stackConfigFile(lab);

/** Waits have no fixed time: each polls its condition this often, and fails at its own deadline. */
const pollEveryMs = 200;

/** Provides the toolchain and bare hosts: on a clean machine this builds the engine and the base image. */
export async function bringSubject(): Promise<void> {
  if (isGivenLab) {
    await needRecord(lab);
    return;
  }
  // After a killed run the hosts are not bare.
  await labDown(lab);
  await ensureToolchain();
  await bringHosts(lab, AbortSignal.timeout(800_000), base, edit);
}

let made: Promise<void> | undefined;

/** Called by the test that has run `up` itself. */
export function subjectIsMade(): void {
  made = Promise.resolve();
}

/** Runs `up` unless a previous part has. @throws if it fails */
export function makeSubject(): Promise<void> {
  made ??= up().then(({ exitCode, output }) => {
    if (exitCode !== 0) throw new Error(`up exited with ${exitCode}: ${output}`);
  });
  return made;
}

export interface WarrenResult {
  readonly exitCode: number;
  /** Standard output and error, as a person sees them. */
  readonly output: string;
  readonly seconds: number;
}

/** Runs `./warren ARGS` as a person does, without a terminal. A command that hangs fails at the timeout, and the output says so. */
export async function warren(
  args: readonly string[],
  env: Record<string, string> = {},
  timeoutMs = 290_000,
  cwd = checkoutDirectory,
): Promise<WarrenResult> {
  const began = performance.now();
  const result = await execa("./warren", [...args], {
    cwd,
    all: true,
    reject: false,
    stdin: "ignore",
    timeout: timeoutMs,
    // All names of changed things, however many.
    env: { [fullVariable]: "1", ...env, NO_COLOR: "1" },
  });
  return {
    exitCode: result.exitCode ?? 255,
    output: `${result.all}${result.timedOut ? `\nended by the test after ${timeoutMs / 1000} s` : ""}`,
    seconds: (performance.now() - began) / 1000,
  };
}

export const up = (env?: Record<string, string>): Promise<WarrenResult> => warren(["up", "-s", lab, "--yes"], env);
export const preview = (...more: string[]): Promise<WarrenResult> => warren(["preview", "-s", lab, ...more]);

/** Expects that hosts and brokers match the stack. */
export async function expectNothingToChange(): Promise<void> {
  const { exitCode, output } = await preview("--expect-no-changes");
  expect(exitCode, output).toBe(0);
}

/** A shell command on a host, as root. */
export const on = (host: string, script: string): Promise<HostResult> =>
  hostExec(lab, host, ["sh", "-c", script], { timeoutMs: 60_000 });

export const textOf = async (host: string, script: string): Promise<string> => (await on(host, script)).stdout.trim();

/** Waits until a shell command on a host prints the expected text. */
export function untilPrints(host: string, script: string, expected: string | RegExp, withinMs: number) {
  return until(`${host}: \`${script}\` prints ${expected}`, withinMs, async () => {
    const { stdout } = await hostExec(lab, host, ["sh", "-c", script], { reject: false, timeoutMs: 60_000 });
    return typeof expected === "string" ? stdout.trim() === expected : expected.test(stdout);
  });
}

/** Waits until the answer is true. @throws with `what` when the time is over */
export async function until(what: string, withinMs: number, ask: () => Promise<boolean>): Promise<void> {
  if (await poll(ask, { everyMs: pollEveryMs, withinMs })) return;
  throw new Error(`not within ${withinMs / 1000} s: ${what}`);
}

let known: { readonly text: string; readonly config: StackConfig } | undefined;

/** The stack's config with its secrets. The engine needs half a second to decrypt it, so it only does if the file has changed. */
export async function stackConfig(): Promise<StackConfig> {
  const text = await readFile(stackFile(), "utf8");
  if (known?.text !== text) known = { text, config: await readStackConfig(lab) };
  return known.config;
}

let seed = 100;

/** Sends products through the lab as `./warren lab` does. */
export async function send(
  options: Partial<Pick<SendOptions, "count" | "ratePerSecond" | "files" | "signal" | "stallMs">> = {},
): Promise<RunResult> {
  seed += 1;
  return sendProducts({
    name: lab,
    config: await stackConfig(),
    count: 400,
    ratePerSecond: 20,
    seed,
    files: [],
    signal: AbortSignal.timeout(120_000),
    stream: process.stderr,
    seconds: {},
    ...options,
  });
}

/** How many resources a run reports as created, updated, replaced, unchanged, …: the lines below `Resources:`. */
export function resourceCounts(output: string): Record<string, number> {
  const summary = output.slice(output.lastIndexOf("\nResources:"));
  const counts = summary.matchAll(/(\d+) (created|updated|replaced|deleted|unchanged)\b/g);
  return Object.fromEntries([...counts].map(([, count, what]) => [what ?? "", Number(count)]));
}

/** Names of the resources that a run changed, or failed to, or that a preview would change: `HOST THING`. */
export function changedResources(output: string): string[] {
  const lines = output.matchAll(
    /^(\S+): (\d+ (?:to (?:create|update|replace|delete)|created|updated|replaced|deleted|failed): .+)$/gm,
  );
  const names = [...lines].flatMap(([, place, kinds = ""]) =>
    kinds.split("; ").flatMap((kind) =>
      kind
        .slice(kind.indexOf(": ") + 2)
        .split(", ")
        .map((thing) => `${place} ${thing}`),
    ),
  );
  return [...new Set(names)].sort();
}

/** A line of a JavaScript or Python stack trace: users of warren must never see one. */
export const stackTrace = /^\s+at .+[:(]\d+|Traceback \(most recent/m;
