import { lstatSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { aborted } from "../lib/aborted.ts";
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
/** A look is worth at most this share of the time. */
const lookShare = 0.1;

/**
 * Takes files from a txq in their order, batch by batch, gives each to the destination, and removes it when that has it. Whatever
 * happens in between, the file is still there, and is sent again.
 */
export class Sender {
  readonly #config: QueueConfig;
  readonly #ports: SenderPorts;
  readonly #underway: Underway;
  readonly #rules: FileRules;
  readonly #hints: FolderHints;
  readonly #stopping = new AbortController();
  #hint = Promise.withResolvers<void>();
  /** Found by the last look and not taken yet. */
  #backlog: QueuedFile[] = [];
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #lookTookMs = 0;
  #settlingMs: number | undefined;
  /** Of this look's files: how many have to wait. */
  #laterCount = 0;
  #failures = 0;
  #fault: string | undefined;
  readonly #removals = new Removals();
  /** May be there already, though nothing said so. */
  readonly #inDoubt = new Set<string>();

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

  /** What keeps files of this host from being taken; undefined where nothing does. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Files known to wait. */
  get waiting(): number {
    return this.#backlog.length;
  }

  /** Ends the run after the batch under way. */
  stop(): void {
    this.#stopping.abort();
  }

  /** Until `stop`. Rejects only for faults of the program. */
  async run(): Promise<void> {
    const { signal } = this.#stopping;
    try {
      while (!signal.aborted) {
        await this.#ready(signal);
        if (signal.aborted) return;
        this.#hint = Promise.withResolvers();
        if (this.#isLookDue()) {
          // All that were found had their turn, and some have to wait: another one at once would be as vain.
          if (this.#laterCount > 0) await this.#rest();
          await this.#look();
        }
        if (this.#backlog.length > 0) await this.#sendBatch();
        else if (this.#laterCount === 0) await this.#rest();
      }
    } finally {
      this.#hints.close();
    }
  }

  /** Until the destination takes files; looks meanwhile, so that somebody can say how many wait, and since when. */
  async #ready(signal: AbortSignal): Promise<void> {
    const ready = this.#ports.destination.ready(signal).catch(ignoreAbort(signal));
    for (;;) {
      const over = new AbortController();
      const pauseMs = Math.max(this.#config.pollMs, this.#lookTookMs / lookShare);
      const pause = delay(pauseMs, "look", { signal: over.signal }).catch(() => "over");
      const came = await Promise.race([ready, pause]);
      over.abort();
      if (came !== "look") return;
      await this.#look();
    }
  }

  /** A look begins with the files that had to wait: where there are such, all others go first. */
  #isLookDue(): boolean {
    if (this.#backlog.length === 0) return true;
    const everyMs = Math.max(this.#config.pollMs, this.#lookTookMs / lookShare);
    return this.#laterCount === 0 && this.#ports.now() - this.#lookedAtMs > everyMs;
  }

  async #look(): Promise<void> {
    const { now, events } = this.#ports;
    const beganMs = now();
    let look: QueueScan;
    try {
      look = await scanQueue(this.#config.queueDirectory, this.#config, Date.now());
    } catch (error) {
      this.#trouble(`${this.#config.queueDirectory} can't be looked through: ${(error as Error).message}`);
      return;
    }
    this.#lookedAtMs = now();
    this.#lookTookMs = this.#lookedAtMs - beganMs;
    this.#laterCount = 0;
    this.#settlingMs = look.settlingMs;
    this.#hints.cover(look.folders);
    const { toSend, fault: unremoved } = this.#removals.again(look.files);
    this.#backlog = toSend;
    if (unremoved !== undefined) this.#trouble(unremoved);
    const oldestMs = look.files.reduce((oldest, file) => Math.min(oldest, file.modifiedMs), Number.POSITIVE_INFINITY);
    events.looked(this.#backlog.length, Number.isFinite(oldestMs) ? oldestMs : undefined);
    let fault = look.unreadable[0];
    for (const unfit of look.unfit) fault = (await this.#setAside(unfit, unfit.reason)) ?? fault;
    if (fault !== undefined) this.#trouble(fault);
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
      // Only the count of what is sent again after a kill depends on it.
      this.#trouble(`what is under way can't be noted: ${(error as Error).message}`);
    }
    for (const { file, again } of batch) if (again) this.#ports.events.again(file);
    const settling: Promise<void>[] = [];
    const beforeCount = this.#laterCount;
    const tell = (outgoing: OutgoingFile, outcome: Outcome) => void settling.push(this.#settle(outgoing, outcome));
    await this.#ports.destination.deliver(batch, tell, this.#stopping.signal);
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

  /** What is to be sent; undefined where rules or validation were against it, and it is dealt with. */
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
      again: this.#underway.wasBefore(file.identity) || this.#inDoubt.has(file.identity),
    };
  }

  async #settle({ file }: OutgoingFile, outcome: Outcome): Promise<void> {
    const { events } = this.#ports;
    if (outcome.kind === "later") {
      this.#laterCount += 1;
      if (outcome.mayBeThere) this.#inDoubt.add(file.identity);
      events.later(file, outcome.reason);
      return;
    }
    this.#inDoubt.delete(file.identity);
    this.#underway.done(file.identity);
    if (outcome.kind === "gone") return;
    if (outcome.kind === "unfit") return this.#setAsideOrWait(file, outcome.reason);
    this.#remove(file);
    if (outcome.kind === "delivered") events.delivered(file, outcome);
    else events.duplicate(file);
  }

  #remove(file: QueuedFile): void {
    const fault = this.#removals.remove(file);
    if (fault !== undefined) this.#trouble(fault);
  }

  async #setAsideOrWait(file: QueuedFile, reason: string): Promise<void> {
    const fault = await this.#setAside(file, reason);
    if (fault !== undefined) this.#trouble(fault);
  }

  /** What kept it from being put aside; it is tried again with the next look. */
  async #setAside(file: Pick<UnfitFile, "path" | "name" | "identity">, reason: string) {
    try {
      // Another one may have taken its name since: that one has its own look to come.
      if (file.identity !== undefined && identityOf(lstatSync(file.path)) !== file.identity) return undefined;
      await this.#ports.setAside(file, reason);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      this.#laterCount += 1;
      return `what can't be sent can't be put aside: ${(error as Error).message}`;
    }
    this.#ports.events.setAside(file.name, reason);
    return undefined;
  }

  async #rest(): Promise<void> {
    const { pollMs, retryDelayMaxMs } = this.#config;
    if (this.#laterCount > 0 || this.#fault !== undefined) {
      this.#failures += 1;
      // What comes meanwhile may go at once.
      await this.#pause(backoffMs({ minMs: retryDelayMinMs, maxMs: retryDelayMaxMs }, this.#failures));
      return;
    }
    this.#failures = 0;
    await this.#pause(Math.max(1, Math.min(pollMs, this.#settlingMs ?? pollMs)));
  }

  /** Ends early where something may have come, or the run ends. */
  async #pause(pauseMs: number): Promise<void> {
    const { signal } = this.#stopping;
    const over = new AbortController();
    const pause = delay(pauseMs, undefined, { signal: over.signal }).catch(() => {});
    await Promise.race([pause, this.#hint.promise, aborted(signal)]);
    over.abort();
  }

  #trouble(reason: string): void {
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
