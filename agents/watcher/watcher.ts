import { setTimeout as delay } from "node:timers/promises";
import { orAborted } from "../lib/aborted.ts";
import { isComplete, wantedPaths } from "../lib/arrivals.ts";
import { type FileFacts, isSame } from "../lib/scan.ts";
import { inspectOrLog } from "../lib/tree.ts";
import type { Arrival, TreeWatchHandlers } from "../lib/tree-watch.ts";
import type { Config } from "./config.ts";
import { composeMessages } from "./messages.ts";
import { Polls, treeOf } from "./polls.ts";
import { notUtf8, type WatcherPorts } from "./ports.ts";
import { type ArrivalKind, Resting } from "./resting.ts";
import { waitMsOf } from "./settle.ts";

const retryDelayMs = 1_000;
const unreadableRetryMsMax = 600_000;
/** A larger file takes tenths of a second to read. Large files get at most a quarter of the slots, so that others don't wait. */
const largeBytes = 64 * 1024 * 1024;
const largeShare = 0.25;
const largeRetryMs = 500;

/** A file being read or written to the spool: its state, and whether it was written to since. */
interface Flight {
  readonly facts: FileFacts;
  modified: boolean;
}

/**
 * Announces each state in which a file in the trees stays unchanged. A file rests after it is closed or found; a write ends its rest.
 * Once it has rested long enough it is read, and announced if its state is still the same. A tree is scanned after every gap in its
 * watch, so it doesn't depend on seeing every event.
 */
export class Watcher {
  readonly #config: Config;
  readonly #ports: WatcherPorts;
  readonly #wanted: ReturnType<typeof wantedPaths>;
  readonly #polls: Polls;
  readonly #stopping = new AbortController();
  readonly #resting = new Resting();
  /** Files that have rested, in reading order. */
  readonly #queue = new Map<string, ArrivalKind>();
  readonly #inFlight = new Map<string, Flight>();
  /** Trees with dropped arrivals, and since when. */
  readonly #overflowed = new Map<string, number>();
  #timer: { readonly dueMs: number; readonly handle: NodeJS.Timeout } | undefined;
  #held = false;
  #largeCount = 0;
  /** Called when nothing is in flight any more. */
  #onSettled = (): void => {};

  constructor(config: Config, ports: WatcherPorts) {
    this.#config = config;
    this.#ports = ports;
    this.#wanted = wantedPaths(config);
    this.#polls = new Polls({
      config,
      ports,
      wanted: this.#wanted,
      isUnderWay: (file) => this.#isUnderWay(file),
      found: (path, waitMs) => this.#rest(path, "found", waitMs),
      signal: this.#stopping.signal,
    });
  }

  /** Arrivals that are not announced yet. */
  get waiting(): number {
    return this.#resting.size + this.#queue.size + this.#inFlight.size;
  }

  /** Call it before the trees are watched: later changes are announced, by this process or the next. */
  begin(): void {
    this.#polls.begin();
  }

  /** Handlers for the watch of one tree. Paths are relative to the document root. */
  handlersOf(tree: string): TreeWatchHandlers {
    const { events, now } = this.#ports;
    return {
      arrived: (path, how) => this.#arrived(path, how),
      modified: (path) => this.#modified(path),
      appeared: (folder) => this.#polls.appeared(folder),
      gap: (reason) => this.#polls.gap(tree, reason, now()),
      undecodable: (name) => events.rejected(name, notUtf8),
      trouble: (error) => events.trouble(tree, error),
      recovered: () => events.recovered(tree),
    };
  }

  /** Accepts no more arrivals. Resolves when the files being read are settled, or at the deadline. The next start finds the rest. */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer?.handle);
    const settled = new Promise<void>((resolve) => {
      this.#onSettled = resolve;
    });
    if (this.#inFlight.size > 0) await orAborted(settled, deadline);
    await this.#polls.idle();
  }

  /** Whether the current state is about to be announced. A file that changed meanwhile may have lost its events to the gap. */
  #isUnderWay(file: FileFacts & { readonly path: string }): boolean {
    if (this.#resting.has(file.path) || this.#queue.has(file.path)) return true;
    const flight = this.#inFlight.get(file.path);
    return flight !== undefined && !flight.modified && isSame(flight.facts, file);
  }

  #arrived(path: string, how: Arrival): void {
    if (this.#stopping.signal.aborted || !this.#wanted.file(path)) return;
    if (how === "created" && !this.#isLink(path)) return;
    this.#rest(path, how === "closed" ? "closed" : "moved", how === "closed" ? this.#config.settleMs : 0);
  }

  /** A newly created name belongs to a file that is still being written, unless it is a hard link to an existing file. */
  #isLink(path: string): boolean {
    const facts = inspectOrLog(path, this.#ports);
    return facts !== undefined && isComplete("created", facts);
  }

  #rest(path: string, how: ArrivalKind, waitMs: number): void {
    if (this.waiting >= this.#config.arrivalsMax && !this.#resting.has(path)) {
      const tree = treeOf(this.#config.trees, path);
      if (!this.#overflowed.has(tree)) this.#overflowed.set(tree, this.#ports.now());
      return;
    }
    this.#queue.delete(path);
    const dueMs = performance.now() + waitMs;
    this.#resting.rest(path, how, dueMs);
    this.#wakeAt(dueMs);
  }

  #modified(path: string): void {
    this.#resting.interrupt(path);
    this.#queue.delete(path);
    const flight = this.#inFlight.get(path);
    if (flight) flight.modified = true;
  }

  #wakeAt(dueMs: number): void {
    if (this.#timer && this.#timer.dueMs <= dueMs) return;
    clearTimeout(this.#timer?.handle);
    const handle = setTimeout(() => this.#wake(), Math.max(0, Math.ceil(dueMs - performance.now())));
    this.#timer = { dueMs, handle };
  }

  #wake(): void {
    this.#timer = undefined;
    for (const { path, how } of this.#resting.takeDue(performance.now())) this.#queue.set(path, how);
    const nextDueMs = this.#resting.nextDueMs;
    if (nextDueMs !== undefined) this.#wakeAt(nextDueMs);
    this.#pump();
  }

  #pump(): void {
    if (this.#stopping.signal.aborted) return;
    while (!this.#held && this.#inFlight.size < this.#config.inFlightMax) {
      const next = this.#queue.entries().next().value;
      if (!next) break;
      const [path, how] = next;
      this.#queue.delete(path);
      this.#judge(path, how);
    }
    if (this.#overflowed.size === 0 || this.waiting > this.#config.arrivalsMax / 2) return;
    const reason = `more than ${this.#config.arrivalsMax} arrivals waited`;
    for (const [tree, sinceMs] of this.#overflowed) this.#polls.gap(tree, reason, sinceMs);
    this.#overflowed.clear();
  }

  #judge(path: string, how: ArrivalKind): void {
    const facts = inspectOrLog(path, this.#ports);
    if (!facts) {
      this.#ports.events.gone(path);
      return;
    }
    if (this.#ports.journal.has(path, facts)) return;
    const { fileBytesMax } = this.#config;
    if (facts.size > fileBytesMax) {
      this.#ports.journal.add(path, facts);
      this.#ports.events.rejected(path, `it has ${facts.size} bytes, more than fileBytesMax, ${fileBytesMax}`);
      return;
    }
    // Changed after it arrived, or just renamed.
    const waitMs = waitMsOf(how, facts, this.#ports.now(), this.#config);
    if (waitMs > 0 || this.#inFlight.has(path)) {
      this.#rest(path, how, waitMs > 0 ? waitMs : this.#config.settleMs);
      return;
    }
    const isLarge = facts.size > largeBytes;
    if (isLarge && this.#largeCount >= Math.ceil(this.#config.inFlightMax * largeShare)) {
      this.#rest(path, how, largeRetryMs);
      return;
    }
    const flight = { facts, modified: false };
    this.#inFlight.set(path, flight);
    this.#largeCount += Number(isLarge);
    void this.#announce(path, how, flight).finally(() => {
      this.#inFlight.delete(path);
      this.#largeCount -= Number(isLarge);
      if (this.#inFlight.size === 0) this.#onSettled();
      this.#pump();
    });
  }

  async #announce(path: string, how: ArrivalKind, flight: Flight): Promise<void> {
    const { events, journal, now } = this.#ports;
    const { facts } = flight;
    const digest = await this.#ports.digest(path, facts);
    if (digest.kind === "gone") return events.gone(path);
    if (digest.kind === "unreadable") {
      events.rejected(path, `can't be read: ${digest.error.message}`);
      // A later change of permissions causes no event. So it is retried after as long as it has been unchanged: ever more rarely.
      const ageMs = Math.max(now() - facts.changedMs, this.#config.settleMs);
      if (!flight.modified) this.#rest(path, "found", Math.min(ageMs, unreadableRetryMsMax));
      return;
    }
    if (digest.kind === "changed" || flight.modified) {
      events.rewritten(path);
      // A file being written gets a close event. If another file replaced it, that event may already have come.
      if (!flight.modified) this.#rest(path, how, this.#config.settleMs);
      return;
    }
    const { kind: _, ...content } = digest;
    const { messages, reasons } = composeMessages(
      { path, sizeBytes: facts.size, ...content },
      Math.floor(now()),
      this.#config,
    );
    for (const reason of reasons) events.rejected(path, reason);
    try {
      await this.#ports.publish(messages);
    } catch (error) {
      this.#hold(path, how, error as Error);
      return;
    }
    // Also if no format can express it, so that a scan doesn't report it again.
    journal.add(path, facts);
    if (messages.length > 0) events.announced(path, how === "found" ? undefined : now() - facts.changedMs);
    this.#polls.remembered();
  }

  /** There is no room for an announcement: everything waits. */
  #hold(path: string, how: ArrivalKind, error: Error): void {
    this.#queue.set(path, how);
    if (this.#held) return;
    this.#held = true;
    this.#ports.events.waiting(error);
    delay(retryDelayMs, undefined, { signal: this.#stopping.signal }).then(
      () => {
        this.#held = false;
        this.#pump();
      },
      // Stopping: the next start finds the file.
      () => {},
    );
  }
}
