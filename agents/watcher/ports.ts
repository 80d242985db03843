import type { FileFacts, Scan, ScannedCounts, ScanRules } from "../lib/scan.ts";
import type { PathState } from "../lib/tree.ts";
import type { TreeJournal } from "../lib/tree-journal.ts";
import type { Digest } from "./digest.ts";
import type { OutgoingMessage } from "./messages.ts";

/** The world as the watcher needs it. Paths are relative to the document root. */
export interface WatcherPorts {
  /** See `look` in `tree.ts`. */
  readonly look: (path: string) => PathState;
  readonly digest: (path: string, facts: FileFacts) => Promise<Digest>;
  readonly scan: (folder: string, rules: ScanRules) => Promise<Scan>;
  /** Resolves when all messages are safe: they will be published, whatever happens. Rejects where there is no room. */
  readonly publish: (messages: readonly OutgoingMessage[]) => Promise<unknown>;
  readonly journal: TreeJournal;
  /** Milliseconds since 1970, to compare with those of files. */
  readonly now: () => number;
  readonly events: WatcherEvents;
}

/** What happens, for the log and the metrics. */
export interface WatcherEvents {
  /** `latencyMs` from the file's last change; undefined where it was found by looking, perhaps long after. */
  announced(path: string, latencyMs: number | undefined): void;
  /** It was there before its tree was ever watched. */
  remembered(path: string): void;
  /** It was removed before it could be read. */
  gone(path: string): void;
  /** It was changed while it was being read, so it is not announced as it was. */
  rewritten(path: string): void;
  rejected(path: string, reason: string): void;
  /** Announcing stands still and is tried again. */
  waiting(error: Error): void;
  /** Neither a file nor a folder, or behind a link: never read. */
  irregular(path: string): void;
  /** Looked through a new folder or, for a reason, a tree. */
  scanned(folder: string, reason: string | undefined, counts: ScannedCounts): void;
  unreadable(folder: string, reason: string): void;
  trouble(tree: string, error: Error): void;
  recovered(tree: string): void;
}

export const notUtf8 = "its name is not UTF-8, so no message or URL can hold it";
