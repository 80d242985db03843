import type { QueuedFile, UnfitFile } from "./queue-folder.ts";

/** A file to send. */
export interface OutgoingFile {
  readonly file: QueuedFile;
  /** The pattern that accepted its name. */
  readonly pattern: string;
  /** The captures of that pattern. */
  readonly captures: readonly string[];
  /** An earlier attempt, by this process or a previous one, may have sent it. */
  readonly again: boolean;
}

/** The result of sending one file. */
export type Outcome =
  /** It is safe at its destination and may be removed here. `to` is its URL for people. */
  | { readonly kind: "delivered"; readonly bytes: number; readonly durationMs: number; readonly to?: string }
  /** The same content was delivered before: it may be removed. */
  | { readonly kind: "duplicate" }
  /** It can never be delivered. */
  | { readonly kind: "unfit"; readonly reason: string }
  /** It no longer exists, or was replaced: nothing was done. */
  | { readonly kind: "gone" }
  /** It must be retried. `mayBeThere`: it may nevertheless have arrived. */
  | { readonly kind: "later"; readonly reason: string; readonly mayBeThere: boolean };

/** Where files are sent: a broker or a server. One batch at a time. The caller removes files, or sets them aside. */
export interface Destination {
  /** Resolves when it accepts files. Rejects when `signal` aborts. */
  ready(signal: AbortSignal): Promise<void>;
  /**
   * Delivers files in order and reports each outcome once, as soon as it is known. Resolves when all are reported. When `signal` aborts,
   * files not yet started get `later`. A file never makes it reject.
   */
  deliver(
    files: readonly OutgoingFile[],
    report: (file: OutgoingFile, outcome: Outcome) => void,
    signal: AbortSignal,
  ): Promise<void>;
}

/** For the log and the metrics. */
export interface SenderEvents {
  delivered(file: QueuedFile, outcome: Extract<Outcome, { kind: "delivered" }>): void;
  duplicate(file: QueuedFile): void;
  /** `pattern` is that of the rejecting rule; undefined if none matched. */
  rejected(name: string, pattern: string | undefined): void;
  setAside(name: string, reason: string): void;
  /** It is being sent, although it may have been sent before. */
  again(file: QueuedFile): void;
  later(file: QueuedFile, reason: string): void;
  /** Some files of the txq can't be read, removed or set aside. Called once until `localCleared`. */
  localFault(reason: string): void;
  localCleared(): void;
  scanned(filesCount: number, oldestMs: number | undefined): void;
}

/** What the sender needs from outside. */
export interface SenderPorts {
  readonly destination: Destination;
  /** See `AsideFolder.move`. */
  readonly setAside: (file: Pick<UnfitFile, "path" | "name">, reason: string) => Promise<void>;
  readonly events: SenderEvents;
  readonly now: () => number;
}
