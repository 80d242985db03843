import type { FileFacts, Scan, ScannedCounts, ScanRules } from "../lib/scan.ts";
import type { PathState } from "../lib/tree.ts";
import type { TreeJournal } from "../lib/tree-journal.ts";
import type { Digest } from "./digest.ts";
import type { OutgoingMessage } from "./messages.ts";

/** What the watcher needs from outside. Paths are relative to the document root. */
export interface WatcherPorts {
  /** See `inspectOrLog` in `tree.ts`. */
  readonly look: (path: string) => PathState;
  readonly digest: (path: string, facts: FileFacts) => Promise<Digest>;
  readonly scan: (folder: string, rules: ScanRules) => Promise<Scan>;
  /** Resolves when all messages are safe on disk: they will be published whatever happens. Rejects if there is no room. */
  readonly publish: (messages: readonly OutgoingMessage[]) => Promise<unknown>;
  readonly journal: TreeJournal;
  /** Milliseconds since 1970, to compare with file times. */
  readonly now: () => number;
  readonly events: WatcherEvents;
}

/** For the log and the metrics. */
export interface WatcherEvents {
  /** `latencyMs` since the file's last change; undefined if a scan found it, perhaps long after. */
  announced(path: string, latencyMs: number | undefined): void;
  /** It existed before its tree was ever watched. */
  remembered(path: string): void;
  /** It was removed before it could be read. */
  gone(path: string): void;
  /** It changed while it was being read: that state is not announced. */
  rewritten(path: string): void;
  rejected(path: string, reason: string): void;
  /** Announcing is paused and will be retried. */
  waiting(error: Error): void;
  /** Neither a file nor a folder, or behind a symbolic link: never read. */
  irregular(path: string): void;
  /** A new folder was scanned, or, if there is a reason, a tree. */
  scanned(folder: string, reason: string | undefined, counts: ScannedCounts): void;
  unreadable(folder: string, reason: string): void;
  trouble(tree: string, error: Error): void;
  recovered(tree: string): void;
}

export const notUtf8 = "its name is not valid UTF-8, so no message or URL can contain it";
