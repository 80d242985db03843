import { setTimeout as delay } from "node:timers/promises";
import { isComplete, settleWaitMs, wantedPaths } from "../lib/arrivals.ts";
import { type FileFacts, isSame, type Scan, type ScannedCounts, type ScanRules } from "../lib/scan.ts";
import { inspectOrLog, type PathState } from "../lib/tree.ts";
import type { TreeJournal } from "../lib/tree-journal.ts";
import { type ScanTask, TreeScans } from "../lib/tree-scans.ts";
import type { Arrival, TreeWatchHandlers } from "../lib/tree-watch.ts";
import type { Config } from "./config.ts";
import { composeAnnouncement, type OutgoingAnnouncement } from "./product.ts";

/** What the announcer needs from outside. */
export interface AnnouncerPorts {
  /** See `inspectOrLog` in `tree.ts`. Paths are relative to the root. */
  readonly look: (path: string) => PathState;
  readonly scan: (start: string, rules: ScanRules) => Promise<Scan>;
  /** Resolves when the announcement is safe on disk: it will be published whatever happens. Rejects if there is no room. */
  readonly publish: (announcement: OutgoingAnnouncement) => Promise<void>;
  /** Whether these folders, just scanned, are watched. If not, the watch repairs itself and reports a gap. */
  readonly covers: (folders: Scan["folders"]) => boolean;
  readonly journal: TreeJournal;
  readonly now: () => number;
  readonly events: AnnouncerEvents;
}

/** For the log and the metrics. */
export interface AnnouncerEvents {
  /** `latencyMs` since the file's last change; undefined if a scan found it, perhaps long after. */
  announced(path: string, latencyMs: number | undefined): void;
  rejected(path: string, reason: string): void;
  /** Announcing is paused and will be retried. */
  waiting(error: Error): void;
  /** Neither a file nor a folder, or behind a symbolic link: never announced. */
  irregular(path: string): void;
  /** A new folder was scanned, or, if there is a reason, the whole tree. */
  scanned(reason: string | undefined, counts: ScannedCounts): void;
  unreadable(folder: string, reason: string): void;
  trouble(error: Error): void;
  recovered(): void;
}

type Item = { readonly path: string; readonly how: Arrival | "found" };

const retryDelayMs = 1_000;

/**
 * Announces arrivals in order, each product in its current state. It skips a state that is already announced. After every
 * gap in the watch it scans the whole tree, so it doesn't depend on seeing every event.
 */
export class Announcer implements TreeWatchHandlers {
  readonly #config: Config;
  readonly #ports: AnnouncerPorts;
  readonly #wanted: ReturnType<typeof wantedPaths>;
  readonly #stopping = new AbortController();
  #queue: Item[] = [];
  /** Items at the front of the queue that are done with. */
  #consumed = 0;
  readonly #inFlight = new Map<string, FileFacts>();
  readonly #settling = new Map<string, NodeJS.Timeout>();
  #held = false;
  /** Items requeued since `#held`, at the front of the queue, in their original order. */
  #requeued = 0;
  /** When the first arrival was dropped; undefined while all are accepted. */
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

  /** Arrivals that are not announced yet. */
  get waiting(): number {
    return this.#queue.length - this.#consumed + this.#inFlight.size;
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

  undecodable(name: string): void {
    this.#ports.events.rejected(name, "its name is not valid UTF-8, so no message or URL can contain it");
  }

  trouble(error: Error): void {
    this.#ports.events.trouble(error);
  }

  recovered(): void {
    this.#ports.events.recovered();
  }

  /** Accepts no more arrivals. Resolves when those in flight are settled, or at the deadline. The next start finds the rest. */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#stopping.abort();
    for (const timer of this.#settling.values()) clearTimeout(timer);
    while (this.#inFlight.size > 0 && !deadline.aborted) await delay(5);
    await this.#scans.idle();
  }

  #pump(): void {
    while (!this.#held && this.#consumed < this.#queue.length && this.#inFlight.size < this.#config.inFlightMax) {
      const item = this.#queue[this.#consumed];
      if (!item) break;
      this.#consumed += 1;
      this.#announce(item);
    }
    if (this.#consumed === this.#queue.length) {
      this.#queue = [];
      this.#consumed = 0;
      const sinceMs = this.#overflowedSinceMs;
      if (sinceMs !== undefined) {
        this.#overflowedSinceMs = undefined;
        // After a long broker outage the first dropped arrival may be older than the rescan window.
        this.gap(`more than ${this.#config.arrivalsMax} arrivals waited`, sinceMs);
      }
    } else if (this.#consumed > 10_000) {
      // Shifting a long array item by item would move the rest each time.
      this.#queue = this.#queue.slice(this.#consumed);
      this.#consumed = 0;
    }
  }

  #announce(item: Item): void {
    const { path, how } = item;
    const facts = inspectOrLog(path, this.#ports);
    if (!facts || !isComplete(how, facts) || this.#isKnown(path, facts)) return;
    const announcement = composeAnnouncement(path, facts, this.#config);
    if (!announcement.ok) {
      // Remembered like an announced product, so that a rescan doesn't report it again.
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
        void this.#hold(item, error);
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

  /** There is no room for an announcement: it goes back to the front of the queue, and everything waits. */
  async #hold(item: Item, error: Error): Promise<void> {
    this.#queue.splice(this.#consumed + this.#requeued, 0, item);
    this.#requeued += 1;
    if (this.#held) return;
    this.#held = true;
    this.#ports.events.waiting(error);
    try {
      await delay(retryDelayMs, undefined, { signal: this.#stopping.signal });
    } catch {
      return; // Stopping: the next start finds the file.
    }
    this.#held = false;
    this.#requeued = 0;
    this.#pump();
  }

  async #scanOnce({ folder, gap }: ScanTask): Promise<void> {
    const { events, scan, covers, now } = this.#ports;
    // In a new folder every file counts: it may have been moved in and be older than the rescan window.
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
    for (const name of found.undecodable) this.undecodable(name);
    for (const { path, reason } of found.unreadable) events.unreadable(path, reason);
    const { irregularCount } = found;
    events.scanned(gap?.reason, { filesCount: found.files.length, newCount, irregularCount });
    covers(found.folders);
  }

  /** A file that changed meanwhile is being written. Its folder is watched by now, so its close event will come. */
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
