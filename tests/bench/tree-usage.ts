import { readdirSync, readFileSync } from "node:fs";
import { cpuSeconds } from "./usage.ts";

/** Parts of an operation of the engine: processes that start one another. */
export const engineParts = ["engine", "program", "plugins", "ssh"] as const;
export type EnginePart = (typeof engineParts)[number];

/** Milliseconds. What a process uses after its last sample is not counted. */
const sampleEveryMs = 100;

/** The first that a command line matches; everything else is the engine. */
const commandLines: readonly (readonly [EnginePart, RegExp])[] = [
  ["program", /@pulumi\/pulumi\/cmd\/run/],
  ["plugins", /pulumi-(resource|language)-|\/plugins\/\w+\/[\w-]+\.cjs/],
  ["ssh", /^(\S*\/)?ssh\0/],
];

/** CPU seconds of a process and its descendants, by part, sampled until it is stopped. */
export class TreeUsage {
  readonly #root: number;
  readonly #processes = new Map<number, { readonly part: EnginePart; readonly seconds: number }>();
  readonly #timer: NodeJS.Timeout;

  constructor(root: number) {
    this.#root = root;
    this.#timer = setInterval(() => this.#sample(root), sampleEveryMs);
  }

  /** CPU seconds by part, as of the last sample. */
  get seconds(): Record<EnginePart, number> {
    const sums = { engine: 0, program: 0, plugins: 0, ssh: 0 };
    for (const { part, seconds } of this.#processes.values()) sums[part] += seconds;
    return sums;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sample(pid: number): void {
    try {
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, "latin1");
      // A process that has ended, and that its parent hasn't waited for, has no command line any more.
      const known = commandLine === "" ? this.#processes.get(pid)?.part : undefined;
      const part = known ?? commandLines.find(([, pattern]) => pattern.test(commandLine))?.[0] ?? "engine";
      this.#processes.set(pid, { part: pid === this.#root ? "engine" : part, seconds: cpuSeconds(pid) });
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        for (const child of childrenOf(pid, thread)) this.#sample(child);
      }
    } catch {
      // It has exited meanwhile; its last sample counts.
    }
  }
}

/** Processes that a thread has started; none if the thread has ended. */
function childrenOf(pid: number, thread: string): number[] {
  try {
    const words = readFileSync(`/proc/${pid}/task/${thread}/children`, "latin1").trim();
    return words === "" ? [] : words.split(" ").map(Number);
  } catch {
    return [];
  }
}
