import { type FileHandle, open, readFile, rename } from "node:fs/promises";
import type { Action } from "./decide.ts";
import type { Binding } from "./queue-facts.ts";

/** `unbinding` and `deleting` are written, and synced, before it is done; what became of it after. */
export type AuditEvent =
  | "warned"
  | "unbinding"
  | "unbound"
  | "kept bound"
  | "deleting"
  | "deleted"
  | "kept"
  | "bound again"
  | "would unbind"
  | "would delete";

/** One line of the audit file. With type, arguments and bindings a removed queue can be declared again. */
export interface AuditLine {
  readonly time: string;
  readonly event: AuditEvent;
  readonly vhost: string;
  readonly queue: string;
  readonly class: string;
  readonly reason?: string;
  readonly messages: number;
  readonly bytes: number;
  readonly unusedSeconds: number;
  readonly type: string;
  readonly durable: boolean;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly bindings: readonly Binding[];
}

const removalsListed = 50;

export function auditLine(
  event: AuditEvent,
  { queue, className, watched }: Action,
  { nowMs, bindings = watched.bindings, reason }: { nowMs: number; bindings?: readonly Binding[]; reason?: string },
): AuditLine {
  const { vhost, name, messages, bytes, type, durable, arguments: own } = queue;
  return {
    time: new Date(nowMs).toISOString(),
    event,
    ...{ vhost, queue: name, class: className },
    ...(reason === undefined ? {} : { reason }),
    ...{ messages, bytes, unusedSeconds: Math.round(watched.unusedMs / 1000) },
    ...{ type, durable, arguments: own, bindings },
  };
}

/** What was done to queues, and why: JSON lines, only ever appended to. Beyond `bytesMax` the file becomes FILE.1, over the one before. */
export class Audit {
  readonly #file: string;
  readonly #bytesMax: number;
  #handle: FileHandle | undefined;
  #bytes = 0;
  #removals: AuditLine[] = [];

  constructor(file: string, bytesMax: number) {
    this.#file = file;
    this.#bytesMax = bytesMax;
  }

  async open(): Promise<void> {
    this.#removals = [];
    for (const path of [`${this.#file}.1`, this.#file]) {
      const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return "";
        throw error;
      });
      for (const line of text.split("\n")) this.#remember(line);
    }
    this.#handle = await open(this.#file, "a", 0o640);
    this.#bytes = (await this.#handle.stat()).size;
    // A line that a kill has torn is closed off.
    if (this.#bytes > 0) await this.#handle.appendFile("\n");
  }

  /** The queues deleted last, the oldest of them first. */
  get removals(): readonly AuditLine[] {
    return this.#removals;
  }

  /** Resolves when it is on disk. */
  async write(line: AuditLine): Promise<void> {
    const text = `${JSON.stringify(line)}\n`;
    if (this.#bytes > this.#bytesMax) await this.#rotate();
    await this.#handle?.appendFile(text);
    await this.#handle?.datasync();
    this.#bytes += Buffer.byteLength(text);
    this.#list(line);
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }

  async #rotate(): Promise<void> {
    await this.#handle?.close();
    await rename(this.#file, `${this.#file}.1`);
    this.#handle = await open(this.#file, "a", 0o640);
    this.#bytes = 0;
  }

  #remember(text: string): void {
    try {
      this.#list(JSON.parse(text) as AuditLine);
    } catch {
      // Torn by a kill, or empty.
    }
  }

  #list(line: AuditLine): void {
    if (line.event !== "deleted") return;
    this.#removals.push(line);
    if (this.#removals.length > removalsListed) this.#removals.shift();
  }
}
