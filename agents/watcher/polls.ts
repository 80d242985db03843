import type { wantedPaths } from "../lib/arrivals.ts";
import type { Scan } from "../lib/scan.ts";
import { type ScanTask, TreeScans } from "../lib/tree-scans.ts";
import type { Config } from "./config.ts";
import { FirstScan, isMark } from "./first-scan.ts";
import { notUtf8, type WatcherPorts } from "./ports.ts";
import { waitMsOf } from "./settle.ts";

export interface PollsOptions {
  readonly config: Config;
  readonly ports: WatcherPorts;
  readonly wanted: ReturnType<typeof wantedPaths>;
  /** Whether the file, in its current state, is already waiting to be announced. */
  readonly isUnderWay: (file: Scan["files"][number]) => boolean;
  /** A file whose current state is not announced. It counts as complete once it is unchanged for `waitMs`. */
  readonly found: (path: string, waitMs: number) => void;
  readonly signal: AbortSignal;
}

/** With fewer new entries, searching for removed files costs more than it frees. */
const entriesBeforePoll = 10_000;

/** Scans trees and folders for files without an event, and forgets remembered files that are gone. */
export class Polls {
  readonly #options: PollsOptions;
  readonly #firstScan: FirstScan;
  readonly #scans: TreeScans;
  #entriesAtScan: number;

  constructor(options: PollsOptions) {
    const { ports, signal } = options;
    this.#options = options;
    this.#firstScan = new FirstScan(ports.journal);
    this.#entriesAtScan = ports.journal.size;
    this.#scans = new TreeScans({
      run: (task) => this.#scan(task),
      onFailure: (error) => ports.events.trouble("", error),
      signal,
    });
  }

  /** Call it before the trees are watched. The record survives a kill of this process. */
  begin(): void {
    const { config, ports } = this.#options;
    if (config.firstStart === "announce") return;
    for (const tree of config.trees) this.#firstScan.begin(tree, ports.now());
    ports.journal.write();
  }

  appeared(folder: string): void {
    if (this.#options.wanted.folder(folder)) this.#scans.appeared(folder);
  }

  gap(tree: string, reason: string, sinceMs: number): void {
    this.#scans.gap(tree, reason, sinceMs);
  }

  /** The journal has one more entry. If it has grown a lot, perhaps by files that are gone, the trees are scanned. */
  remembered(): void {
    const { config, ports } = this.#options;
    if (ports.journal.size <= 2 * this.#entriesAtScan + entriesBeforePoll) return;
    this.#entriesAtScan = ports.journal.size;
    for (const tree of config.trees) this.#scans.gap(tree, "many files are remembered", ports.now());
  }

  /** Resolves when the current scan has ended. */
  async idle(): Promise<void> {
    await this.#scans.idle();
  }

  async #scan({ folder, gap }: ScanTask): Promise<void> {
    const { config, ports, wanted, isUnderWay, found, signal } = this.#options;
    const { events, journal, now } = ports;
    const tree = treeOf(config.trees, folder);
    const scan = await ports.scan(folder, { wanted: (path) => wanted.folder(path), changedSinceMs: 0 });
    if (signal.aborted) return;
    let newCount = 0;
    for (const file of scan.files) {
      const { path } = file;
      if (!wanted.file(path) || isUnderWay(file) || journal.has(path, file)) continue;
      if (gap && this.#firstScan.isOlder(tree, file)) {
        journal.add(path, file);
        events.remembered(path);
        continue;
      }
      newCount += 1;
      found(path, waitMsOf("found", file, now(), config));
    }
    if (gap) this.#forgetGone(tree, scan);
    for (const name of scan.undecodable) events.rejected(name, notUtf8);
    for (const { path, reason } of scan.unreadable) events.unreadable(path, reason);
    const { irregularCount } = scan;
    events.scanned(folder, gap?.reason, { filesCount: scan.files.length, newCount, irregularCount });
  }

  /** Call it after a scan of the whole tree. */
  #forgetGone(tree: string, scan: Scan): void {
    const { journal, look } = this.#options.ports;
    this.#firstScan.end(tree);
    // A folder that can't be read tells nothing about its files.
    const closed = scan.unreadable.map(({ path }) => `${path}/`);
    const isClosed = (path: string) => closed.some((folder) => path.startsWith(folder));
    const there = new Set(scan.files.map(({ path }) => path));
    for (const path of journal.paths()) {
      // Checked again below: it may have come since the scan.
      if (!path.startsWith(`${tree}/`) || isMark(path) || there.has(path) || isClosed(path)) continue;
      if (typeof look(path) !== "object") journal.remove(path);
    }
    this.#entriesAtScan = journal.size;
  }
}

/** The tree that contains a path. */
export function treeOf(trees: readonly string[], path: string): string {
  const tree = trees.find((name) => path === name || path.startsWith(`${name}/`));
  if (tree === undefined) throw new Error(`not in any tree: ${path}`);
  return tree;
}
