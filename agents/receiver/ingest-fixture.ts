import { readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";

/** As Sundew's ingest: takes what is whole out of the folder, again and again. `repeats` are files of a name that was taken before. */
export class Ingest {
  readonly contents = new Map<string, string>();
  repeats = 0;
  readonly #folder: string;
  readonly #timer = setInterval(() => this.take(), 10);

  /** Of the folder `rxq` in `folder`, to the folder `taken` beside it. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  take(): void {
    for (const name of readdirSync(join(this.#folder, "rxq"))) {
      if (name.startsWith(".")) continue;
      const taken = join(this.#folder, "taken", name);
      renameSync(join(this.#folder, "rxq", name), taken);
      if (this.contents.has(name)) this.repeats += 1;
      this.contents.set(name, readFileSync(taken, "utf8"));
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
