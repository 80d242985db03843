/** Counts announcements of the files of one tree, by file. */
export class FileCount {
  #tree = "";
  #counts = new Uint8Array(0);
  #heard = 0;
  #repeated = 0;
  #lastHeardMs = 0;
  #complete = Promise.withResolvers<void>();

  begin(tree: string, files: number): void {
    this.#tree = tree;
    this.#counts = new Uint8Array(files);
    this.#heard = 0;
    this.#repeated = 0;
    this.#complete = Promise.withResolvers();
  }

  /** Parses the body of a v02 announcement, whose last word is the path. */
  add(body: Buffer): void {
    const text = body.toString("latin1", body.lastIndexOf(" ") + 1);
    const file = Number(/\/s(\d+)_e\.xml$/.exec(text)?.[1] ?? -1);
    const times = this.#counts[file];
    if (times === undefined || !text.startsWith(`${this.#tree}/`)) return;
    this.#counts[file] = times + 1;
    if (times > 0) {
      this.#repeated++;
      return;
    }
    this.#heard++;
    this.#lastHeardMs = Date.now();
    if (this.isComplete) this.#complete.resolve();
  }

  /** Number of announced files. */
  get heard(): number {
    return this.#heard;
  }

  get isComplete(): boolean {
    return this.#heard === this.#counts.length;
  }

  /** Resolves when each file is announced. */
  get complete(): Promise<void> {
    return this.#complete.promise;
  }

  get account(): {
    readonly files: number;
    readonly lost: number;
    readonly repeated: number;
    readonly lastHeardMs: number;
  } {
    const files = this.#counts.length;
    return { files, lost: files - this.#heard, repeated: this.#repeated, lastHeardMs: this.#lastHeardMs };
  }
}
