import { setTimeout as delay } from "node:timers/promises";
import { aborted } from "../lib/aborted.ts";
import { isComplete, wantedPaths } from "../lib/arrivals.ts";
import type { FileFacts } from "../lib/scan.ts";
import { inspectOrLog } from "../lib/tree.ts";
import type { Arrival, TreeWatchHandlers } from "../lib/tree-watch.ts";
import type { Config } from "./config.ts";
import { isSame } from "./digest.ts";
import { composeMessages } from "./messages.ts";
import { Polls, treeOf } from "./polls.ts";
import { notUtf8, type WatcherPorts } from "./ports.ts";
import { type Coming, Resting } from "./resting.ts";
import { waitMsOf } from "./settle.ts";

const retryDelayMs = 1_000;
const unreadableRetryMsMax = 600_000;
/** A file that takes some tenths of a second to read. Such have a quarter of all places, so that the others don't wait for them. */
const largeBytes = 64 * 1024 * 1024;
const largeShare = 0.25;
const largeRetryMs = 500;

/** A file being read or on its way to the spool: as what, and whether somebody wrote to it since. */
interface Flight {
  readonly facts: FileFacts;
  stirred: boolean;
}

/**
 * Announces each state in which a file in the trees is left alone: with its closing, or from the day it is found, it rests; who writes
 * to it ends its rest; when nothing changed it for long enough it is read, and announced if it is then still what it was. A tree is
 * looked through after every gap in its watch, so nothing depends on having seen every event.
 */
export class Watcher {
  readonly #config: Config;
  readonly #ports: WatcherPorts;
  readonly #wanted: ReturnType<typeof wantedPaths>;
  readonly #looks: Polls;
  readonly #stopping = new AbortController();
  readonly #resting = new Resting();
  /** Files that have rested, in the order in which they are read. */
  readonly #queue = new Map<string, Coming>();
  readonly #inFlight = new Map<string, Flight>();
  /** Trees whose arrivals were passed over, and since when. */
  readonly #overflowed = new Map<string, number>();
  #timer: { readonly dueMs: number; readonly handle: NodeJS.Timeout } | undefined;
  #held = false;
  #largeCount = 0;
  /** Told when nothing is in flight any more. */
  #onSettled = (): void => {};

  constructor(config: Config, ports: WatcherPorts) {
    this.#config = config;
    this.#ports = ports;
    this.#wanted = wantedPaths(config);
    this.#looks = new Polls({
      config,
      ports,
      wanted: this.#wanted,
      isUnderWay: (file) => this.#isUnderWay(file),
      found: (path, waitMs) => this.#rest(path, "found", waitMs),
      signal: this.#stopping.signal,
    });
  }

  /** Files that came and are not announced yet. */
  get waiting(): number {
    return this.#resting.size + this.#queue.size + this.#inFlight.size;
  }

  /** Before it is watched: what changes from now on is announced, by this process or the next. */
  begin(): void {
    this.#looks.begin();
  }

  /** For the watch of one tree, which tells paths from the document root. */
  handlersOf(tree: string): TreeWatchHandlers {
    const { events, now } = this.#ports;
    return {
      arrived: (path, how) => this.#arrived(path, how),
      modified: (path) => this.#modified(path),
      appeared: (folder) => this.#looks.appeared(folder),
      gap: (reason) => this.#looks.gap(tree, reason, now()),
      unspeakable: (name) => events.rejected(name, notUtf8),
      trouble: (error) => events.trouble(tree, error),
      recovered: () => events.recovered(tree),
    };
  }

  /** Takes no more; resolves when what is being read is settled, or at the deadline. The rest is found at the next start. */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer?.handle);
    const settled = new Promise<void>((resolve) => {
      this.#onSettled = resolve;
    });
    if (this.#inFlight.size > 0) await Promise.race([settled, aborted(deadline)]);
    await this.#looks.idle();
  }

  /** Whether it will be announced as it is now. What changed under way may have lost its events to the gap that is looked through. */
  #isUnderWay(file: FileFacts & { readonly path: string }): boolean {
    if (this.#resting.has(file.path) || this.#queue.has(file.path)) return true;
    const flight = this.#inFlight.get(file.path);
    return flight !== undefined && !flight.stirred && isSame(flight.facts, file);
  }

  #arrived(path: string, how: Arrival): void {
    if (this.#stopping.signal.aborted || !this.#wanted.file(path)) return;
    if (how === "created" && !this.#isLink(path)) return;
    this.#rest(path, how === "closed" ? "closed" : "moved", how === "closed" ? this.#config.settleMs : 0);
  }

  /** A name just made is being written still, unless it is one more name of a file that has another. */
  #isLink(path: string): boolean {
    const facts = inspectOrLog(path, this.#ports);
    return facts !== undefined && isComplete("created", facts);
  }

  #rest(path: string, coming: Coming, waitMs: number): void {
    if (this.waiting >= this.#config.arrivalsMax && !this.#resting.has(path)) {
      const tree = treeOf(this.#config.trees, path);
      if (!this.#overflowed.has(tree)) this.#overflowed.set(tree, this.#ports.now());
      return;
    }
    this.#queue.delete(path);
    const dueMs = performance.now() + waitMs;
    this.#resting.rest(path, coming, dueMs);
    this.#wakeAt(dueMs);
  }

  #modified(path: string): void {
    this.#resting.stir(path);
    this.#queue.delete(path);
    const flight = this.#inFlight.get(path);
    if (flight) flight.stirred = true;
  }

  #wakeAt(dueMs: number): void {
    if (this.#timer && this.#timer.dueMs <= dueMs) return;
    clearTimeout(this.#timer?.handle);
    const handle = setTimeout(() => this.#wake(), Math.max(0, Math.ceil(dueMs - performance.now())));
    this.#timer = { dueMs, handle };
  }

  #wake(): void {
    this.#timer = undefined;
    for (const { path, coming } of this.#resting.take(performance.now())) this.#queue.set(path, coming);
    const nextDueMs = this.#resting.nextDueMs;
    if (nextDueMs !== undefined) this.#wakeAt(nextDueMs);
    this.#pump();
  }

  #pump(): void {
    if (this.#stopping.signal.aborted) return;
    while (!this.#held && this.#inFlight.size < this.#config.inFlightMax) {
      const next = this.#queue.entries().next().value;
      if (!next) break;
      const [path, coming] = next;
      this.#queue.delete(path);
      this.#judge(path, coming);
    }
    if (this.#overflowed.size === 0 || this.waiting > this.#config.arrivalsMax / 2) return;
    const reason = `more than ${this.#config.arrivalsMax} arrivals waited`;
    for (const [tree, sinceMs] of this.#overflowed) this.#looks.gap(tree, reason, sinceMs);
    this.#overflowed.clear();
  }

  #judge(path: string, coming: Coming): void {
    const facts = inspectOrLog(path, this.#ports);
    if (!facts) {
      this.#ports.events.gone(path);
      return;
    }
    if (this.#ports.journal.has(path, facts)) return;
    const { fileBytesMax } = this.#config;
    if (facts.size > fileBytesMax) {
      this.#ports.journal.add(path, facts);
      this.#ports.events.rejected(path, `it has ${facts.size} bytes, at most ${fileBytesMax} are announced`);
      return;
    }
    // Changed after it came, or just renamed.
    const waitMs = waitMsOf(coming, facts, this.#ports.now(), this.#config);
    if (waitMs > 0 || this.#inFlight.has(path)) {
      this.#rest(path, coming, waitMs > 0 ? waitMs : this.#config.settleMs);
      return;
    }
    const isLarge = facts.size > largeBytes;
    if (isLarge && this.#largeCount >= Math.ceil(this.#config.inFlightMax * largeShare)) {
      this.#rest(path, coming, largeRetryMs);
      return;
    }
    const flight = { facts, stirred: false };
    this.#inFlight.set(path, flight);
    this.#largeCount += Number(isLarge);
    void this.#announce(path, coming, flight).finally(() => {
      this.#inFlight.delete(path);
      this.#largeCount -= Number(isLarge);
      if (this.#inFlight.size === 0) this.#onSettled();
      this.#pump();
    });
  }

  async #announce(path: string, coming: Coming, flight: Flight): Promise<void> {
    const { events, journal, now } = this.#ports;
    const { facts } = flight;
    const digest = await this.#ports.digest(path, facts);
    if (digest.kind === "gone") return events.gone(path);
    if (digest.kind === "unreadable") {
      events.rejected(path, `can't be read: ${digest.error.message}`);
      // Whoever opens it to us later makes no event: tried again after as long as it has been there, so ever more rarely.
      const ageMs = Math.max(now() - facts.changedMs, this.#config.settleMs);
      if (!flight.stirred) this.#rest(path, "found", Math.min(ageMs, unreadableRetryMsMax));
      return;
    }
    if (digest.kind === "changed" || flight.stirred) {
      events.rewritten(path);
      // Where somebody writes to it, its closing will be told; where another file took its name, that may have been told already.
      if (!flight.stirred) this.#rest(path, coming, this.#config.settleMs);
      return;
    }
    const { md5 } = digest;
    const { messages, reasons } = composeMessages(
      { path, sizeBytes: facts.size, md5 },
      Math.floor(now()),
      this.#config,
    );
    for (const reason of reasons) events.rejected(path, reason);
    try {
      await this.#ports.publish(messages);
    } catch (error) {
      this.#hold(path, coming, error as Error);
      return;
    }
    // Also where no message could say it: a look through the tree has nothing new about it.
    journal.add(path, facts);
    if (messages.length > 0) events.announced(path, coming === "found" ? undefined : now() - facts.changedMs);
    this.#looks.remembered();
  }

  /** No room for an announcement: everything waits. */
  #hold(path: string, coming: Coming, error: Error): void {
    this.#queue.set(path, coming);
    if (this.#held) return;
    this.#held = true;
    this.#ports.events.waiting(error);
    delay(retryDelayMs, undefined, { signal: this.#stopping.signal }).then(
      () => {
        this.#held = false;
        this.#pump();
      },
      // Stopping: the file is found at the next start.
      () => {},
    );
  }
}
