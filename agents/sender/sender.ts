import { lstatSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { backoffMs } from "../lib/backoff.ts";
import { FileRules } from "../lib/file-rules.ts";
import type { QueueConfig } from "./config.ts";
import { FolderHints } from "./folder-hints.ts";
import type { Outcome, OutgoingFile, SenderPorts } from "./ports.ts";
import { validationFault } from "./px-name.ts";
import { identityOf, type QueuedFile, type QueueScan, scanQueue, type UnfitFile } from "./queue-folder.ts";
import { Removals } from "./removals.ts";
import type { Underway } from "./underway.ts";

const retryDelayMinMs = 200;
/** Scans take at most this share of the time. */
const scanShare = 0.1;

/**
 * Sends the files of a txq in order, batch by batch, and removes each one once it is delivered. Whatever happens before that, the file
 * still exists and is sent again.
 */
export class Sender {
  readonly #config: QueueConfig;
  readonly #ports: SenderPorts;
  readonly #underway: Underway;
  readonly #rules: FileRules;
  readonly #hints: FolderHints;
  readonly #stopping = new AbortController();
  #hint = Promise.withResolvers<void>();
  /** Files found by the last scan and not yet in a batch. */
  #backlog: QueuedFile[] = [];
  #scannedAtMs = Number.NEGATIVE_INFINITY;
  #scanTookMs = 0;
  #settlingMs: number | undefined;
  /** Number of this scan's files that have to wait. */
  #laterCount = 0;
  #failures = 0;
  #fault: string | undefined;
  readonly #removals = new Removals();
  /** Files that may have arrived, although that was not confirmed. */
  readonly #unconfirmed = new Set<string>();

  constructor(config: QueueConfig, ports: SenderPorts, underway: Underway) {
    this.#config = config;
    this.#ports = ports;
    this.#underway = underway;
    this.#rules = new FileRules(
      config.rules.map(({ accept, reject }) => ({ accept, reject })),
      false,
    );
    this.#hints = new FolderHints(() => this.#hint.resolve());
  }

  /** Why some files of the txq can't be read, removed or set aside; undefined if all can. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Number of known waiting files. */
  get waiting(): number {
    return this.#backlog.length;
  }

  /** Ends the run after the current batch. */
  stop(): void {
    this.#stopping.abort();
    this.#hint.resolve();
  }

  /** Runs until `stop`. Rejects only for bugs. */
  async run(): Promise<void> {
    const { signal } = this.#stopping;
    try {
      while (!signal.aborted) {
        await this.#ready(signal);
        if (signal.aborted) return;
        this.#hint = Promise.withResolvers();
        if (this.#isScanDue()) {
          // All files had their turn and some have to wait: an immediate scan would find only those.
          if (this.#laterCount > 0) await this.#rest();
          await this.#scan();
        }
        if (this.#backlog.length > 0) await this.#sendBatch();
        else if (this.#laterCount === 0) await this.#rest();
      }
    } finally {
      this.#hints.close();
    }
  }

  /** Waits until the destination accepts files. Scans meanwhile, so that metrics show how many files wait, and since when. */
  async #ready(signal: AbortSignal): Promise<void> {
    const ready = this.#ports.destination.ready(signal).catch(ignoreAbort(signal));
    for (;;) {
      const over = new AbortController();
      const pauseMs = Math.max(this.#config.pollMs, this.#scanTookMs / scanShare);
      const pause = delay(pauseMs, "scan", { signal: over.signal }).catch(() => "over");
      const next = await Promise.race([ready, pause]);
      over.abort();
      if (next !== "scan") return;
      await this.#scan();
    }
  }

  /** A scan puts files that had to wait back to the front, so all others are sent first. */
  #isScanDue(): boolean {
    if (this.#backlog.length === 0) return true;
    const everyMs = Math.max(this.#config.pollMs, this.#scanTookMs / scanShare);
    return this.#laterCount === 0 && this.#ports.now() - this.#scannedAtMs > everyMs;
  }

  async #scan(): Promise<void> {
    const { now, events } = this.#ports;
    const beganMs = now();
    let scan: QueueScan;
    try {
      scan = await scanQueue(this.#config.queueDirectory, this.#config, Date.now());
    } catch (error) {
      this.#reportFault(`${this.#config.queueDirectory} can't be scanned: ${(error as Error).message}`);
      return;
    }
    this.#scannedAtMs = now();
    this.#scanTookMs = this.#scannedAtMs - beganMs;
    this.#laterCount = 0;
    this.#settlingMs = scan.settlingMs;
    this.#hints.cover(scan.folders);
    const { toSend, fault: unremoved } = this.#removals.again(scan.files);
    this.#backlog = toSend;
    if (unremoved !== undefined) this.#reportFault(unremoved);
    const oldestMs = scan.files.reduce((oldest, file) => Math.min(oldest, file.modifiedMs), Number.POSITIVE_INFINITY);
    events.scanned(this.#backlog.length, Number.isFinite(oldestMs) ? oldestMs : undefined);
    let fault = scan.unreadable[0];
    for (const unfit of scan.unfit) fault = (await this.#setAside(unfit, unfit.reason)) ?? fault;
    if (fault !== undefined) this.#reportFault(fault);
    else if (this.#removals.count === 0) this.#clear();
  }

  async #sendBatch(): Promise<void> {
    const batch: OutgoingFile[] = [];
    for (const file of this.#takeBatch()) {
      const outgoing = await this.#judge(file);
      if (outgoing) batch.push(outgoing);
    }
    if (batch.length === 0) return;
    try {
      await this.#underway.now(batch.map(({ file }) => file.identity));
    } catch (error) {
      // It is needed only to count and mark repeats after a kill.
      this.#reportFault(`can't record the files in flight: ${(error as Error).message}`);
    }
    for (const { file, again } of batch) if (again) this.#ports.events.again(file);
    const settling: Promise<void>[] = [];
    const beforeCount = this.#laterCount;
    const report = (outgoing: OutgoingFile, outcome: Outcome) => void settling.push(this.#settle(outgoing, outcome));
    await this.#ports.destination.deliver(batch, report, this.#stopping.signal);
    await Promise.all(settling);
    if (this.#laterCount === beforeCount) this.#failures = 0;
    if (this.#backlog.length === 0 && this.#laterCount === 0) await this.#underway.now([]).catch(() => {});
  }

  #takeBatch(): QueuedFile[] {
    let bytes = 0;
    let count = 0;
    for (const { sizeBytes } of this.#backlog) {
      if (count >= this.#config.batch || (count > 0 && bytes + sizeBytes > this.#config.batchBytesMax)) break;
      bytes += sizeBytes;
      count += 1;
    }
    return this.#backlog.splice(0, count);
  }

  /** Returns the file to send; undefined if rules or validation reject it, after handling that. */
  async #judge(file: QueuedFile): Promise<OutgoingFile | undefined> {
    const { accepted, pattern, captures } = this.#rules.judge(file.name);
    if (!accepted || pattern === undefined) {
      const reason = pattern === undefined ? "no rule accepts its name" : `rejected by ${pattern}`;
      if (this.#config.rejected === "remove") this.#remove(file);
      else await this.#setAsideOrWait(file, reason);
      this.#ports.events.rejected(file.name, pattern);
      return undefined;
    }
    const fault = this.#config.validation ? validationFault(file.name) : undefined;
    if (fault !== undefined) {
      await this.#setAsideOrWait(file, fault);
      return undefined;
    }
    return {
      file,
      pattern,
      captures,
      again: this.#underway.wasBefore(file.identity) || this.#unconfirmed.has(file.identity),
    };
  }

  async #settle({ file }: OutgoingFile, outcome: Outcome): Promise<void> {
    const { events } = this.#ports;
    if (outcome.kind === "later") {
      this.#laterCount += 1;
      if (outcome.mayBeThere) this.#unconfirmed.add(file.identity);
      events.later(file, outcome.reason);
      return;
    }
    this.#unconfirmed.delete(file.identity);
    this.#underway.done(file.identity);
    if (outcome.kind === "gone") return;
    if (outcome.kind === "unfit") return this.#setAsideOrWait(file, outcome.reason);
    this.#remove(file);
    if (outcome.kind === "delivered") events.delivered(file, outcome);
    else events.duplicate(file);
  }

  #remove(file: QueuedFile): void {
    const fault = this.#removals.remove(file);
    if (fault !== undefined) this.#reportFault(fault);
  }

  async #setAsideOrWait(file: QueuedFile, reason: string): Promise<void> {
    const fault = await this.#setAside(file, reason);
    if (fault !== undefined) this.#reportFault(fault);
  }

  /** Returns the error, if it can't be set aside; the next scan retries it. */
  async #setAside(file: Pick<UnfitFile, "path" | "name" | "identity">, reason: string) {
    try {
      // Another file may have taken its name since: the next scan handles that one.
      if (file.identity !== undefined && identityOf(lstatSync(file.path)) !== file.identity) return undefined;
      await this.#ports.setAside(file, reason);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      this.#laterCount += 1;
      return `can't set aside a file that can't be sent: ${(error as Error).message}`;
    }
    this.#ports.events.setAside(file.name, reason);
    return undefined;
  }

  async #rest(): Promise<void> {
    const { pollMs, retryDelayMaxMs } = this.#config;
    if (this.#laterCount > 0 || this.#fault !== undefined) {
      this.#failures += 1;
      // A new file ends the pause and may be sent at once.
      await this.#pause(backoffMs({ minMs: retryDelayMinMs, maxMs: retryDelayMaxMs }, this.#failures));
      return;
    }
    this.#failures = 0;
    await this.#pause(Math.max(1, Math.min(pollMs, this.#settlingMs ?? pollMs)));
  }

  /** Ends early if a file may have come, or at `stop`. */
  async #pause(pauseMs: number): Promise<void> {
    const over = new AbortController();
    const pause = delay(pauseMs, undefined, { signal: over.signal }).catch(() => {});
    await Promise.race([pause, this.#hint.promise]);
    over.abort();
  }

  #reportFault(reason: string): void {
    const isKnown = this.#fault !== undefined;
    this.#fault = reason;
    if (!isKnown) this.#ports.events.localFault(reason);
  }

  #clear(): void {
    if (this.#fault === undefined) return;
    this.#fault = undefined;
    this.#ports.events.localCleared();
  }
}

function ignoreAbort(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error;
  };
}
