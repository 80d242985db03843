import type { QueuedFile, UnfitFile } from "./queue-folder.ts";

/** A file that is to be sent. */
export interface OutgoingFile {
  readonly file: QueuedFile;
  /** That accepted its name. */
  readonly pattern: string;
  /** Of the pattern that accepted its name. */
  readonly captures: readonly string[];
  /** An earlier try, of this process or of one before, may have sent it. */
  readonly again: boolean;
}

/** What became of one file. */
export type Outcome =
  /** It is safe where it was to go, for people the URL `to`, and may be removed here. */
  | { readonly kind: "delivered"; readonly bytes: number; readonly durationMs: number; readonly to?: string }
  /** The same content was delivered before: it may be removed. */
  | { readonly kind: "duplicate" }
  /** It can never be delivered. */
  | { readonly kind: "unfit"; readonly reason: string }
  /** It is not there any more, or is another one by now: nothing was done. */
  | { readonly kind: "gone" }
  /** Not now; nobody knows whether it got there where `mayBeThere`. */
  | { readonly kind: "later"; readonly reason: string; readonly mayBeThere: boolean };

/**
 * Where files go: a broker, another host. One batch at a time; nothing is removed or kept back here, that is for whoever calls to do.
 */
export interface Destination {
  /** Resolves when it takes files. Rejects when `signal` aborts. */
  ready(signal: AbortSignal): Promise<void>;
  /**
   * Delivers files in their order, and tells each one's outcome once, as soon as it is known. Resolves when all are told; when `signal`
   * aborts, what is not under way yet is told as `later`. Never rejects for a file's sake.
   */
  deliver(
    files: readonly OutgoingFile[],
    tell: (file: OutgoingFile, outcome: Outcome) => void,
    signal: AbortSignal,
  ): Promise<void>;
}

/** What happens, for the log and the metrics. */
export interface SenderEvents {
  delivered(file: QueuedFile, outcome: Extract<Outcome, { kind: "delivered" }>): void;
  duplicate(file: QueuedFile): void;
  /** `pattern` is the rule that rejected it; undefined where none matched. */
  rejected(name: string, pattern: string | undefined): void;
  setAside(name: string, reason: string): void;
  /** It is sent although it may have been sent before. */
  again(file: QueuedFile): void;
  later(file: QueuedFile, reason: string): void;
  /** Something of this host keeps files from being taken or removed; told once, until `localCleared`. */
  localFault(reason: string): void;
  localCleared(): void;
  looked(filesCount: number, oldestMs: number | undefined): void;
}

/** The world as the sender needs it. */
export interface SenderPorts {
  readonly destination: Destination;
  /** See `AsideFolder.move`. */
  readonly setAside: (file: Pick<UnfitFile, "path" | "name">, reason: string) => Promise<void>;
  readonly events: SenderEvents;
  readonly now: () => number;
}
