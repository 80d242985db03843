import type { FileFacts } from "../lib/scan.ts";
import type { TreeJournal } from "../lib/tree-journal.ts";

/** Times that a file system keeps are behind the clock by up to a tick of the kernel, 10 ms where that is slowest; with room. */
const fileClockLagMs = 20;

/**
 * Which files were there before a tree was watched for the first time ever: they are remembered and not announced. That it began is
 * in the journal before the watch is, so that what changes from then on is announced even where the first look is never finished:
 * the next process goes on with it.
 *
 * Kept as an entry of the journal under the tree's name with a slash, which no file has.
 */
export class FirstScan {
  readonly #journal: TreeJournal;

  constructor(journal: TreeJournal) {
    this.#journal = journal;
  }

  /** Notes that the tree is about to be watched; without effect where it was before. */
  begin(tree: string, nowMs: number): void {
    if (!this.#journal.get(markOf(tree)))
      this.#journal.add(markOf(tree), { inode: "begun", size: 0, modifiedMs: nowMs });
  }

  /** Whether this file, which nobody has announced, has been there since before the tree was watched. */
  isOlder(tree: string, facts: Pick<FileFacts, "changedMs">): boolean {
    const mark = this.#journal.get(markOf(tree));
    return mark?.inode === "begun" && facts.changedMs < mark.modifiedMs - fileClockLagMs;
  }

  /** All that was there is remembered now: what is found from now on, however old, was moved in. */
  end(tree: string): void {
    const mark = this.#journal.get(markOf(tree));
    if (mark?.inode === "begun") this.#journal.add(markOf(tree), { ...mark, inode: "done" });
  }
}

const markOf = (tree: string): string => `${tree}/`;
export const isMark = (path: string): boolean => path.endsWith("/");
