import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type InotifyProcess, startInotify } from "./inotify-process.ts";
import { type InotifyRecord, nameAsText, watchedInodes } from "./inotify-records.ts";
import { scan } from "./scan.ts";

/** How a file came to be complete under its name: written and closed, renamed into place, or linked (still to be judged). */
export type Arrival = "closed" | "moved" | "created";

export interface TreeWatchHandlers {
  /** A file; `path` is relative to the root. */
  arrived(path: string, how: Arrival): void;
  /** If present: called when a file's content was changed by a process that has it open; its closing will be reported. */
  modified?(path: string): void;
  /** A folder was added to the tree and is now watched: its content came without events. Relative to the root. */
  appeared(folder: string): void;
  /** Events may be missing for any part of the tree, which is now watched (again). */
  gap(reason: string): void;
  /** A name that is not valid UTF-8, shown with replacement characters. */
  undecodable(name: string): void;
  /** The watch is down or incomplete, and is retried until `recovered`; called once per kind of trouble. */
  trouble(error: Error): void;
  recovered(): void;
}

export interface TreeWatchOptions {
  readonly root: string;
  /** A folder of the agent's own, outside the root, for the barrier. */
  readonly barrierFolder: string;
  readonly command: string;
  readonly handlers: TreeWatchHandlers;
  /** How often a watch without events is checked for being alive. */
  readonly idleBarrierMs?: number;
}

// Short while events flow, so that a window rarely has more than a fraction of the kernel's queue.
const busyBarrierMs = 250;
const idleBarrierMsDefault = 5_000;
const barrierTimeoutMs = 10_000;
const restartDelayMaxMs = 60_000;
/** All are on one command line, whose length the system limits. */
const leftOutMax = 500;

/**
 * Watches a tree with inotifywait and closes its gaps:
 *
 * - **Barrier**: a file of our own is opened and closed in a folder watched by the same process. Events keep their order, so when
 *   its event comes back, everything before it was handled, including watches of new folders.
 * - **Overflow**: the kernel's queue drops events beyond fs.inotify.max_queued_events, and inotifywait does not report it. At
 *   most one barrier is in flight, so a full queue means that one of two neighbouring windows between barriers held at least half
 *   of it, or that a barrier was lost. A window with a quarter, or a lost barrier, counts as a gap.
 * - **Race inside inotifywait**: it lists a new folder before it watches it, so a folder created in between is never watched.
 *   `covers` compares the folders found by scanning with the inodes the process really watches.
 * - **Depth**: a folder whose path is longer than the system accepts ends inotifywait before it watches anything. Folders that
 *   are too deep to announce are then left out.
 * - A process that exits or hangs is replaced, and the tree is reported as a gap.
 */
export class TreeWatch {
  readonly #options: TreeWatchOptions;
  readonly #stopping = new AbortController();
  readonly #barrierFile: string;
  /** fs.inotify.max_queued_events: beyond it the kernel drops events. */
  readonly #queuedEventsMax = Number(readFileSync("/proc/sys/fs/inotify/max_queued_events", "utf8"));
  #process: InotifyProcess | undefined;
  #rootInode = 0n;
  #restarting = false;
  #lastTrouble = "";
  #unverifiable = new Set<string>();
  #newFolders = new Set<string>();
  #foldersBehindBarrier: string[] = [];
  #barrierOut = false;
  #barrierTimer: NodeJS.Timeout | undefined;
  #eventsInWindow = 0;
  #folderLeft = false;
  /** Folders that are too deep, from the last start that failed because of them. */
  #leftOut: readonly string[] = [];

  constructor(options: TreeWatchOptions) {
    this.#options = options;
    this.#barrierFile = join(options.barrierFolder, "barrier");
  }

  /** Resolves when the whole tree is watched, after reporting it as a gap; rejects with the fault and the remedy. */
  async start(): Promise<void> {
    await this.#launch();
    this.#options.handlers.gap("started");
  }

  get watching(): boolean {
    return this.#process !== undefined && !this.#restarting;
  }

  /** Of the current inotifywait. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  stop(): void {
    this.#stopping.abort();
    clearTimeout(this.#barrierTimer);
    this.#process?.stop();
  }

  /** Whether all of these folders are really watched; if not, the watch is restarted and a gap reported. */
  covers(folders: readonly { readonly path: string; readonly inode: bigint }[]): boolean {
    const inodes = this.#process && this.#restarting === false ? readWatchedInodes(this.#process.pid) : undefined;
    // Without the root's own inode in the list, this file system's inode numbers can't be compared.
    if (!inodes?.has(this.#rootInode)) return true;
    const missed = folders.filter(({ path, inode }) => !inodes.has(inode) && !this.#unverifiable.has(path));
    if (missed.length === 0) return true;
    for (const { path } of missed) this.#unverifiable.add(path);
    void this.#restart(`${missed.length} new folders were not watched, e.g. ${missed[0]?.path}`);
    return false;
  }

  async #launch(): Promise<void> {
    try {
      await this.#launchOnce();
    } catch (error) {
      if (!/File name too long/.test((error as Error).message)) throw error;
      const { root } = this.#options;
      const { tooDeep } = await scan(root, "", { wanted: () => true, changedSinceMs: Number.POSITIVE_INFINITY });
      this.#leftOut = tooDeep.slice(0, leftOutMax).map((path) => `${root}/${path}`);
      await this.#launchOnce();
    }
  }

  async #launchOnce(): Promise<void> {
    const { root, barrierFolder, command, handlers } = this.#options;
    mkdirSync(barrierFolder, { recursive: true });
    this.#touchBarrier();
    this.#rootInode = lstatSync(root, { bigint: true }).ino;
    const started = startInotify({
      command,
      folders: [root, barrierFolder],
      leftOut: this.#leftOut,
      modifications: handlers.modified !== undefined,
      onRecord: (record) => {
        if (started === this.#process) this.#onRecord(record);
      },
      onComplaint: (error) => this.#complain(error),
    });
    this.#process = started;
    this.#newFolders.clear();
    this.#foldersBehindBarrier = [];
    this.#eventsInWindow = 0;
    this.#barrierOut = false;
    this.#folderLeft = false;
    await started.established;
    void started.ended.then((reason) => {
      if (started === this.#process) void this.#restart(reason);
    });
    if (this.#lastTrouble) handlers.recovered();
    this.#lastTrouble = "";
    this.#scheduleBarrier();
  }

  async #restart(reason: string): Promise<void> {
    if (this.#restarting || this.#stopping.signal.aborted) return;
    this.#restarting = true;
    clearTimeout(this.#barrierTimer);
    for (let waitMs = 50; ; waitMs = Math.min(waitMs * 2, restartDelayMaxMs)) {
      const old = this.#process;
      this.#process = undefined;
      old?.stop();
      try {
        await delay(waitMs, undefined, { signal: this.#stopping.signal, ref: false });
        await this.#launch();
        break;
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        this.#complain(error instanceof Error ? error : new Error(String(error)));
        // Not watched, but not blind: the tree is still scanned at each attempt.
        this.#options.handlers.gap("not watched");
      }
    }
    this.#restarting = false;
    this.#options.handlers.gap(reason);
  }

  #complain(error: Error): void {
    if (error.message === this.#lastTrouble) return;
    this.#lastTrouble = error.message;
    this.#options.handlers.trouble(error);
  }

  #onRecord(record: InotifyRecord): void {
    const { root, barrierFolder, handlers } = this.#options;
    const folder = nameAsText(record.folder);
    const name = nameAsText(record.name);
    if (folder === undefined || name === undefined) {
      this.#countEvent();
      handlers.undecodable(Buffer.concat([record.folder, record.name]).toString());
      return;
    }
    if (folder === `${barrierFolder}/`) {
      if (record.events.has("CLOSE_WRITE")) this.#barrierReturned();
      return;
    }
    this.#countEvent();
    const path = `${folder}${name}`.slice(root.length + 1);
    const moved = record.events.has("MOVED_TO");
    if (record.events.has("ISDIR")) {
      if (moved || record.events.has("CREATE")) this.#onNewFolder(path);
    } else if (moved && this.#folderLeft) {
      // inotifywait takes any MOVED_TO after a folder's MOVED_FROM for its new name, and would get the paths wrong.
      void this.#restart("a folder was moved out of the tree");
    } else if (moved) handlers.arrived(path, "moved");
    else if (record.events.has("CLOSE_WRITE")) handlers.arrived(path, "closed");
    else if (record.events.has("CREATE")) handlers.arrived(path, "created");
    else if (record.events.has("MODIFY")) handlers.modified?.(path);
    this.#folderLeft = record.events.has("MOVED_FROM") && record.events.has("ISDIR");
  }

  /** The first event after an idle time brings the next barrier forward. */
  #countEvent(): void {
    this.#eventsInWindow += 1;
    if (this.#eventsInWindow === 1 && !this.#barrierOut && !this.#restarting) this.#scheduleBarrier();
  }

  #onNewFolder(path: string): void {
    this.#unverifiable.delete(path);
    this.#newFolders.add(path);
    this.#sendBarrier();
  }

  #scheduleBarrier(): void {
    clearTimeout(this.#barrierTimer);
    this.#barrierTimer = setTimeout(
      () => {
        if (this.#rootReplaced()) void this.#restart("the root folder was replaced");
        else this.#sendBarrier();
      },
      this.#eventsInWindow > 0 ? busyBarrierMs : (this.#options.idleBarrierMs ?? idleBarrierMsDefault),
    );
    this.#barrierTimer.unref();
  }

  #rootReplaced(): boolean {
    return lstatSync(this.#options.root, { bigint: true, throwIfNoEntry: false })?.ino !== this.#rootInode;
  }

  #sendBarrier(): void {
    if (this.#barrierOut || this.#restarting) return;
    this.#barrierOut = true;
    this.#foldersBehindBarrier = [...this.#newFolders];
    this.#newFolders.clear();
    clearTimeout(this.#barrierTimer);
    this.#barrierTimer = setTimeout(() => void this.#restart("inotifywait did not answer"), barrierTimeoutMs);
    this.#barrierTimer.unref();
    try {
      this.#touchBarrier();
    } catch (error) {
      // The agent's own folder is gone, or no file can be opened.
      void this.#restart((error as Error).message);
    }
  }

  /** Opening for append and closing is an event without a change: nothing is written to the disk. */
  #touchBarrier(): void {
    closeSync(openSync(this.#barrierFile, "a"));
  }

  #barrierReturned(): void {
    if (!this.#barrierOut) return;
    this.#barrierOut = false;
    const events = this.#eventsInWindow;
    const folders = this.#foldersBehindBarrier;
    this.#eventsInWindow = 0;
    this.#foldersBehindBarrier = [];
    for (const folder of folders) this.#options.handlers.appeared(folder);
    if (events >= this.#queuedEventsMax / 4) this.#options.handlers.gap(`${events} events at once`);
    if (this.#newFolders.size > 0) this.#sendBarrier();
    else this.#scheduleBarrier();
  }
}

/** The inodes that this process of ours watches; undefined if /proc does not show them. */
function readWatchedInodes(pid: number): Set<bigint> | undefined {
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      if (readlinkSync(`/proc/${pid}/fd/${fd}`).includes("inotify")) {
        return watchedInodes(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8"));
      }
    }
  } catch {
    // The process is just exiting (which is detected elsewhere), or /proc is not accessible: this check is an extra.
  }
  return undefined;
}
