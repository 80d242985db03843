import type { FileFacts } from "../lib/scan.ts";
import type { TreeJournal } from "../lib/tree-journal.ts";

/** File times lag the clock by up to one kernel tick, at most 10 ms; doubled as a margin. */
const fileClockLagMs = 20;

/**
 * Tells which files existed before a tree was watched for the first time ever: they are remembered and not announced. The journal
 * records the beginning before the watch starts. So later changes are announced even if the first scan is interrupted: the next
 * process continues it.
 *
 * The record is a journal entry under the tree's name with a trailing slash, a name that no file has.
 */
export class FirstScan {
  readonly #journal: TreeJournal;

  constructor(journal: TreeJournal) {
    this.#journal = journal;
  }

  /** Records that the tree is about to be watched; no effect if it was watched before. */
  begin(tree: string, nowMs: number): void {
    if (!this.#journal.get(markOf(tree)))
      this.#journal.add(markOf(tree), { inode: "begun", size: 0, modifiedMs: nowMs });
  }

  /** Whether this unannounced file existed before the tree was watched. */
  isOlder(tree: string, facts: Pick<FileFacts, "changedMs">): boolean {
    const mark = this.#journal.get(markOf(tree));
    return mark?.inode === "begun" && facts.changedMs < mark.modifiedMs - fileClockLagMs;
  }

  /** All existing files are remembered: any file found from now on, however old, was moved in. */
  end(tree: string): void {
    const mark = this.#journal.get(markOf(tree));
    if (mark?.inode === "begun") this.#journal.add(markOf(tree), { ...mark, inode: "done" });
  }
}

const markOf = (tree: string): string => `${tree}/`;
export const isMark = (path: string): boolean => path.endsWith("/");
