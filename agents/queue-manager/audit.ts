import { jsonLines } from "../lib/file-lines.ts";
import { LineLog } from "../lib/line-log.ts";
import type { Log } from "../lib/log.ts";
import type { Action } from "./decide.ts";
import type { Binding } from "./queue-facts.ts";

/** `unbinding` and `deleting` are written and synced before the action, the result after it. */
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

/** One line of the audit file. A deleted queue can be declared again from its type, arguments and bindings. */
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

const codec = jsonLines((json) => (typeof json === "object" && json !== null ? (json as AuditLine) : undefined));

/** What was done to queues, and why: JSON lines, append-only. Beyond `bytesMax` the file is renamed to FILE.1, replacing the previous one. */
export class Audit {
  readonly #bytesMax: number;
  readonly #lines: LineLog<AuditLine>;
  readonly #removals: AuditLine[] = [];

  constructor(file: string, bytesMax: number, log: Log) {
    this.#bytesMax = bytesMax;
    this.#lines = new LineLog({ file, mode: 0o640, codec, log });
  }

  /** @throws as `LineLog.open` */
  async open(): Promise<void> {
    await this.#lines.open((line) => this.#list(line));
  }

  /** The most recently deleted queues, oldest first. */
  get removals(): readonly AuditLine[] {
    return this.#removals;
  }

  /** Resolves when it is on disk. Rejects with a UserError for a disk error. */
  async write(line: AuditLine): Promise<void> {
    if (this.#lines.bytes > this.#bytesMax) this.#lines.rotate();
    this.#lines.append(line);
    await this.#lines.synced();
    this.#list(line);
  }

  async close(): Promise<void> {
    await this.#lines.close();
  }

  #list(line: AuditLine): void {
    if (line.event !== "deleted") return;
    this.#removals.push(line);
    if (this.#removals.length > removalsListed) this.#removals.shift();
  }
}
