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
  /** Whether the file, as it is, came already and is not announced yet. */
  readonly isUnderWay: (file: Scan["files"][number]) => boolean;
  /** A file that nobody has announced as it is now; it may be whole if nothing changes it for that long. */
  readonly found: (path: string, waitMs: number) => void;
  readonly signal: AbortSignal;
}

/** Below this many entries more, looking for files that are gone would cost more than it frees. */
const entriesBeforePoll = 10_000;

/** Looks through trees and folders for what no event told, and for what is remembered and gone. */
export class Polls {
  readonly #options: PollsOptions;
  readonly #firstLooks: FirstScan;
  readonly #scans: TreeScans;
  #entriesAtLook: number;

  constructor(options: PollsOptions) {
    const { ports, signal } = options;
    this.#options = options;
    this.#firstLooks = new FirstScan(ports.journal);
    this.#entriesAtLook = ports.journal.size;
    this.#scans = new TreeScans({
      run: (task) => this.#look(task),
      onFailure: (error) => ports.events.trouble("", error),
      signal,
    });
  }

  /** Before the trees are watched. A kill of this process forgets nothing of it. */
  begin(): void {
    const { config, ports } = this.#options;
    if (config.firstStart === "announce") return;
    for (const tree of config.trees) this.#firstLooks.begin(tree, ports.now());
    ports.journal.write();
  }

  appeared(folder: string): void {
    if (this.#options.wanted.folder(folder)) this.#scans.appeared(folder);
  }

  gap(tree: string, reason: string, sinceMs: number): void {
    this.#scans.gap(tree, reason, sinceMs);
  }

  /** The journal has one more. Where it has grown much, perhaps by files that are gone, the trees are looked through. */
  remembered(): void {
    const { config, ports } = this.#options;
    if (ports.journal.size <= 2 * this.#entriesAtLook + entriesBeforePoll) return;
    this.#entriesAtLook = ports.journal.size;
    for (const tree of config.trees) this.#scans.gap(tree, "many files are remembered", ports.now());
  }

  /** Resolves when the look under way has ended. */
  async idle(): Promise<void> {
    await this.#scans.idle();
  }

  async #look({ folder, gap }: ScanTask): Promise<void> {
    const { config, ports, wanted, isUnderWay, found, signal } = this.#options;
    const { events, journal, now } = ports;
    const tree = treeOf(config.trees, folder);
    const scan = await ports.scan(folder, { wanted: (path) => wanted.folder(path), changedSinceMs: 0 });
    if (signal.aborted) return;
    let newCount = 0;
    for (const file of scan.files) {
      const { path } = file;
      if (!wanted.file(path) || isUnderWay(file) || journal.has(path, file)) continue;
      if (gap && this.#firstLooks.isOlder(tree, file)) {
        journal.add(path, file);
        events.remembered(path);
        continue;
      }
      newCount += 1;
      found(path, waitMsOf("found", file, now(), config));
    }
    if (gap) this.#forgetGone(tree, scan);
    for (const name of scan.unspeakable) events.rejected(name, notUtf8);
    for (const { path, reason } of scan.unreadable) events.unreadable(path, reason);
    const { irregularCount } = scan;
    events.scanned(folder, gap?.reason, { filesCount: scan.files.length, newCount, irregularCount });
  }

  /** A whole tree was looked through. */
  #forgetGone(tree: string, scan: Scan): void {
    const { journal, look } = this.#options.ports;
    this.#firstLooks.end(tree);
    // A folder that can't be looked into now says nothing of its files.
    const closed = scan.unreadable.map(({ path }) => `${path}/`);
    const isClosed = (path: string) => closed.some((folder) => path.startsWith(folder));
    const there = new Set(scan.files.map(({ path }) => path));
    for (const path of journal.paths()) {
      // Looked at once more: it may have come since.
      if (!path.startsWith(`${tree}/`) || isMark(path) || there.has(path) || isClosed(path)) continue;
      if (typeof look(path) !== "object") journal.remove(path);
    }
    this.#entriesAtLook = journal.size;
  }
}

/** The tree in which a path is. */
export function treeOf(trees: readonly string[], path: string): string {
  const tree = trees.find((name) => path === name || path.startsWith(`${name}/`));
  if (tree === undefined) throw new Error(`in no tree: ${path}`);
  return tree;
}
