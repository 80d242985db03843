import { setTimeout as delay } from "node:timers/promises";
import { isComplete, settleWaitMs, wantedPaths } from "../lib/arrivals.ts";
import type { FileFacts, Scan, ScannedCounts, ScanRules } from "../lib/scan.ts";
import { inspectOrLog, type PathState } from "../lib/tree.ts";
import type { TreeJournal } from "../lib/tree-journal.ts";
import { type ScanTask, TreeScans } from "../lib/tree-scans.ts";
import type { Arrival, TreeWatchHandlers } from "../lib/tree-watch.ts";
import type { Config } from "./config.ts";
import { composeAnnouncement, type OutgoingAnnouncement } from "./product.ts";

/** The world as the announcer needs it. */
export interface AnnouncerPorts {
  /** See `look` in `tree.ts`; below the root. */
  readonly look: (path: string) => PathState;
  readonly scan: (start: string, rules: ScanRules) => Promise<Scan>;
  /** Resolves when the announcement is safe: it will be published, whatever happens. Rejects where there is no room. */
  readonly publish: (announcement: OutgoingAnnouncement) => Promise<void>;
  /** Whether these folders, just scanned, are watched; where not, the watch repairs itself and reports a gap. */
  readonly covers: (folders: Scan["folders"]) => boolean;
  readonly journal: TreeJournal;
  readonly now: () => number;
  readonly events: AnnouncerEvents;
}

/** What happens, for the log and the metrics. */
export interface AnnouncerEvents {
  /** `latencyMs` from the file's last change; undefined where it was found by looking, perhaps long after. */
  announced(path: string, latencyMs: number | undefined): void;
  rejected(path: string, reason: string): void;
  /** Announcing stands still and is tried again. */
  waiting(error: Error): void;
  /** Neither a file nor a folder, or behind a link: never announced. */
  irregular(path: string): void;
  /** Looked through a new folder, or, for a reason, the whole tree. */
  scanned(reason: string | undefined, counts: ScannedCounts): void;
  unreadable(folder: string, reason: string): void;
  trouble(error: Error): void;
  recovered(): void;
}

type Piece = { readonly path: string; readonly how: Arrival | "found" };

const retryDelayMs = 1_000;

/**
 * Takes arrivals in order and announces each product as it is at that moment; what was announced as it is now, it passes
 * over. A whole tree is looked through after every gap in the watch, so nothing depends on having seen every event.
 */
export class Announcer implements TreeWatchHandlers {
  readonly #config: Config;
  readonly #ports: AnnouncerPorts;
  readonly #wanted: ReturnType<typeof wantedPaths>;
  readonly #stopping = new AbortController();
  #queue: Piece[] = [];
  #taken = 0;
  readonly #inFlight = new Map<string, FileFacts>();
  readonly #settling = new Map<string, NodeJS.Timeout>();
  #held = false;
  /** Pieces given back since `#held`, at the front of the queue, in their old order. */
  #givenBack = 0;
  /** When arrivals began to be passed over; undefined while all are taken. */
  #overflowedSinceMs: number | undefined;
  readonly #scans: TreeScans;

  constructor(config: Config, ports: AnnouncerPorts) {
    this.#config = config;
    this.#ports = ports;
    this.#wanted = wantedPaths(config);
    this.#scans = new TreeScans({
      run: (task) => this.#scanOnce(task),
      onFailure: (error) => ports.events.trouble(error),
      signal: this.#stopping.signal,
    });
  }

  /** Arrivals not announced yet. */
  get waiting(): number {
    return this.#queue.length - this.#taken + this.#inFlight.size;
  }

  arrived(path: string, how: Arrival | "found"): void {
    if (this.#stopping.signal.aborted || !this.#wanted.file(path)) return;
    if (this.waiting >= this.#config.arrivalsMax) {
      this.#overflowedSinceMs ??= this.#ports.now();
      return;
    }
    this.#queue.push({ path, how });
    this.#pump();
  }

  appeared(folder: string): void {
    if (!this.#wanted.folder(folder)) return;
    this.#scans.appeared(folder);
  }

  gap(reason: string, sinceMs = this.#ports.now()): void {
    this.#scans.gap("", reason, sinceMs);
  }

  unspeakable(name: string): void {
    this.#ports.events.rejected(name, "its name is not UTF-8, so no message or URL can hold it");
  }

  trouble(error: Error): void {
    this.#ports.events.trouble(error);
  }

  recovered(): void {
    this.#ports.events.recovered();
  }

  /** Takes no more; resolves when what was under way is settled, or at the deadline. The rest is found at the next start. */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#stopping.abort();
    for (const timer of this.#settling.values()) clearTimeout(timer);
    while (this.#inFlight.size > 0 && !deadline.aborted) await delay(5);
    await this.#scans.idle();
  }

  #pump(): void {
    while (!this.#held && this.#taken < this.#queue.length && this.#inFlight.size < this.#config.inFlightMax) {
      const piece = this.#queue[this.#taken];
      if (!piece) break;
      this.#taken += 1;
      this.#announce(piece);
    }
    if (this.#taken === this.#queue.length) {
      this.#queue = [];
      this.#taken = 0;
      const sinceMs = this.#overflowedSinceMs;
      if (sinceMs !== undefined) {
        this.#overflowedSinceMs = undefined;
        // With a broker that was away for long, what was passed over first is older than the window by now.
        this.gap(`more than ${this.#config.arrivalsMax} arrivals waited`, sinceMs);
      }
    } else if (this.#taken > 10_000) {
      // Taking from the front of a long array one by one would move all the rest each time.
      this.#queue = this.#queue.slice(this.#taken);
      this.#taken = 0;
    }
  }

  #announce(piece: Piece): void {
    const { path, how } = piece;
    const facts = inspectOrLog(path, this.#ports);
    if (!facts || !isComplete(how, facts) || this.#isKnown(path, facts)) return;
    const announcement = composeAnnouncement(path, facts.size, this.#config);
    if (!announcement.ok) {
      // Remembered like an announced one: a rescan has nothing new to say about it.
      this.#ports.journal.add(path, facts);
      this.#ports.events.rejected(path, announcement.reason);
      return;
    }
    this.#inFlight.set(path, facts);
    this.#ports.publish(announcement.value).then(
      () => {
        this.#settled(path, facts);
        this.#ports.journal.add(path, facts);
        this.#ports.events.announced(path, how === "found" ? undefined : this.#ports.now() - facts.changedMs);
        this.#pump();
      },
      (error: Error) => {
        this.#settled(path, facts);
        void this.#hold(piece, error);
      },
    );
  }

  #isKnown(path: string, facts: FileFacts): boolean {
    const sent = this.#inFlight.get(path);
    return (sent !== undefined && isSame(sent, facts)) || this.#ports.journal.has(path, facts);
  }

  #settled(path: string, facts: FileFacts): void {
    if (this.#inFlight.get(path) === facts) this.#inFlight.delete(path);
  }

  /** No room for an announcement: it goes back to the front, and everything waits. */
  async #hold(piece: Piece, error: Error): Promise<void> {
    this.#queue.splice(this.#taken + this.#givenBack, 0, piece);
    this.#givenBack += 1;
    if (this.#held) return;
    this.#held = true;
    this.#ports.events.waiting(error);
    try {
      await delay(retryDelayMs, undefined, { signal: this.#stopping.signal });
    } catch {
      return; // Stopping: the file is found at the next start.
    }
    this.#held = false;
    this.#givenBack = 0;
    this.#pump();
  }

  async #scanOnce({ folder, gap }: ScanTask): Promise<void> {
    const { events, scan, covers, now } = this.#ports;
    // What a scan of the whole tree must not cover is a new folder: its files may be older than the window.
    const changedSinceMs = gap ? gap.sinceMs - this.#config.rescanWindowSeconds * 1000 : 0;
    const found = await scan(folder, { wanted: (path) => this.#wanted.folder(path), changedSinceMs });
    if (this.#stopping.signal.aborted) return;
    let newCount = 0;
    for (const file of found.files) {
      if (!this.#wanted.file(file.path) || this.#isKnown(file.path, file)) continue;
      newCount += 1;
      const waitMs = settleWaitMs(file, now(), this.#config);
      if (waitMs === 0) this.arrived(file.path, "found");
      else this.#settle(file.path, file, waitMs);
    }
    for (const name of found.unspeakable) this.unspeakable(name);
    for (const { path, reason } of found.unreadable) events.unreadable(path, reason);
    const { irregularCount } = found;
    events.scanned(gap?.reason, { filesCount: found.files.length, newCount, irregularCount });
    covers(found.folders);
  }

  /** Changed meanwhile means being written: the folder is watched by now, so the file's closing will be told. */
  #settle(path: string, facts: FileFacts, waitMs: number): void {
    clearTimeout(this.#settling.get(path));
    const timer = setTimeout(() => {
      this.#settling.delete(path);
      const later = inspectOrLog(path, this.#ports);
      if (later && isSame(later, facts)) this.arrived(path, "found");
    }, waitMs);
    this.#settling.set(path, timer);
  }
}

function isSame(a: FileFacts, b: FileFacts): boolean {
  return a.inode === b.inode && a.size === b.size && a.modifiedMs === b.modifiedMs;
}
