import { readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";

/** Like Sundew's ingest: keeps moving complete files out of the folder. `repeats` counts files whose name was seen before. */
export class Ingest {
  readonly contents = new Map<string, string>();
  repeats = 0;
  readonly #folder: string;
  readonly #timer = setInterval(() => this.take(), 10);

  /** Moves files from `rxq` in `folder` to `taken` beside it. */
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
