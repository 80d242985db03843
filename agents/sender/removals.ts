import { lstatSync, unlinkSync } from "node:fs";
import { identityOf, type QueuedFile } from "./queue-folder.ts";

/** Removes finished files, and remembers those that can't be removed, so that they are not sent again. */
export class Removals {
  /** Identity by path. */
  #unremoved = new Map<string, string>();

  /** Number of finished files that still exist. */
  get count(): number {
    return this.#unremoved.size;
  }

  /** Removes a file unless another one has taken its name since, which was not sent. Returns the error, if any. */
  remove(file: QueuedFile): string | undefined {
    try {
      const stats = lstatSync(file.path, { throwIfNoEntry: false });
      if (stats && identityOf(stats) === file.identity) unlinkSync(file.path);
      return undefined;
    } catch (error) {
      this.#unremoved.set(file.path, file.identity);
      return `can't remove finished files: ${(error as Error).message}`;
    }
  }

  /** Splits off the files of a scan that are to be sent, and retries the removal of the others. */
  again(files: readonly QueuedFile[]): { readonly toSend: QueuedFile[]; readonly fault: string | undefined } {
    const unremoved = this.#unremoved;
    this.#unremoved = new Map();
    const isDone = (file: QueuedFile) => unremoved.get(file.path) === file.identity;
    let fault: string | undefined;
    for (const file of files.filter(isDone)) fault = this.remove(file) ?? fault;
    return { toSend: files.filter((file) => !isDone(file)), fault };
  }
}
