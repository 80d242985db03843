import { lstatSync, unlinkSync } from "node:fs";
import { identityOf, type QueuedFile } from "./queue-folder.ts";

/** Removes files that are done with, and remembers those that couldn't be: they are not sent again. */
export class Removals {
  /** By path: which one. */
  #unremoved = new Map<string, string>();

  /** How many are done with and still there. */
  get count(): number {
    return this.#unremoved.size;
  }

  /** Looked at and removed in one go: a file that came under the same name meanwhile was not sent, and stays. Answers what kept it there. */
  remove(file: QueuedFile): string | undefined {
    try {
      const stats = lstatSync(file.path, { throwIfNoEntry: false });
      if (stats && identityOf(stats) === file.identity) unlinkSync(file.path);
      return undefined;
    } catch (error) {
      this.#unremoved.set(file.path, file.identity);
      return `files that are done can't be removed: ${(error as Error).message}`;
    }
  }

  /** Of the files that a look found: those that are to be sent. All others get another try to be removed. */
  again(files: readonly QueuedFile[]): { readonly toSend: QueuedFile[]; readonly fault: string | undefined } {
    const unremoved = this.#unremoved;
    this.#unremoved = new Map();
    const isDone = (file: QueuedFile) => unremoved.get(file.path) === file.identity;
    let fault: string | undefined;
    for (const file of files.filter(isDone)) fault = this.remove(file) ?? fault;
    return { toSend: files.filter((file) => !isDone(file)), fault };
  }
}
