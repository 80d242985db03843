import { once } from "node:events";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

/** The writer's work, as JSON in its first argument. */
export interface WriterOrder {
  /** Folder in which files are made before the rename. On the file system of `tree`. */
  readonly staging: string;
  readonly tree: string;
  readonly folders: number;
  readonly files: number;
  readonly filesPerSecond: number;
  readonly fileBytes: number;
}

/** Its output at the end. */
export interface WriterAccount {
  /** Milliseconds since 1970. */
  readonly firstMs: number;
  readonly lastMs: number;
}

const stepMs = 2;

/** A file's path below the tree. Consecutive files are in different folders. */
export function writtenPath(file: number, folders: number): string {
  return `f${file % folders}/s${file}_e.xml`;
}

/**
 * Makes all files beside the tree, prints `ready`, and waits for a line. Then renames them into the tree at a steady rate, and prints the
 * times of the first and the last rename.
 */
async function main(order: WriterOrder): Promise<void> {
  const { staging, tree, folders, files, filesPerSecond, fileBytes } = order;
  for (let folder = 0; folder < folders; folder++) mkdirSync(join(tree, `f${folder}`), { recursive: true });
  mkdirSync(staging);
  for (let file = 0; file < files; file++) {
    writeFileSync(join(staging, String(file)), `${file}`.padEnd(fileBytes, "."));
  }
  process.stdout.write("ready\n");
  await once(createInterface({ input: process.stdin }), "line");
  const firstMs = Date.now();
  const beganMs = performance.now();
  for (let file = 0; file < files; ) {
    const dueCount = Math.min(files, Math.ceil(((performance.now() - beganMs) / 1000) * filesPerSecond));
    for (; file < dueCount; file++) renameSync(join(staging, String(file)), join(tree, writtenPath(file, folders)));
    if (file < files) await sleep(stepMs);
  }
  const account: WriterAccount = { firstMs, lastMs: Date.now() };
  process.stdout.write(`${JSON.stringify(account)}\n`, () => process.exit(0));
}

if (import.meta.main) {
  // Never outlives its parent.
  process.stdin.once("end", () => process.exit(1));
  await main(JSON.parse(process.argv[2] ?? "{}"));
}
