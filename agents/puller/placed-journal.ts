import { closeSync, fstatSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { type Inquiry, inquirySchema } from "./peer-message.ts";

/** Something that was placed before this process began. */
export interface PlacedBefore {
  readonly about: Inquiry;
  /** Infinite where the clock can't be right: then nothing is to be taken for the same by the time. */
  readonly ageMs: number;
}

export interface PlacedJournalOptions {
  readonly file: string;
  /** Of the kernel's run: what was written in another one may have outlived the file that it tells of. */
  readonly bootId: string;
  /** Whether an unfinished file of that name is in the folder. */
  readonly isUnfinished: (part: string) => Promise<boolean>;
  /** The first failure of several in a row: what is placed from then on is forgotten with the process. */
  readonly onFailure: (error: Error) => void;
  readonly now: () => number;
  readonly linesMax?: number;
}

/** Two files of so many have at most what a puller remembers (`ProductMemory`), in 20 MB. */
const linesMaxDefault = 25_000;

const bootLine = z.tuple([z.literal("boot"), z.string()]);
const placingLine = z.tuple([z.literal("placing"), z.string(), z.number(), inquirySchema]);
const otherLine = z.union([placingLine, z.tuple([z.literal("dropped"), z.string()])]);
type PlacingLine = z.infer<typeof placingLine>;
type Line = z.infer<typeof bootLine> | z.infer<typeof otherLine>;

/**
 * What a puller has placed, for the process after it: whoever ingests may have taken the file away by then. A line is written before the
 * file gets its own name, and given to the system, not to the disk. So after a kill, at whatever moment, it is known for certain: what
 * has no unfinished file any more was placed. After a loss of power nothing is known but what is in the folder.
 */
export class PlacedJournal {
  readonly #options: PlacedJournalOptions;
  #descriptor: number | undefined;
  #lines = 0;
  #isTorn = false;
  #hasFailed = false;

  constructor(options: PlacedJournalOptions) {
    this.#options = options;
  }

  /** What was placed before, the oldest first. To be called before unfinished files are removed. */
  async open(): Promise<PlacedBefore[]> {
    const { file } = this.#options;
    const older = await this.#read(this.#olderFile);
    const newer = await this.#read(file);
    const lines = [...(older ?? []), ...(newer ?? [])];
    if (!newer) rmSync(file, { force: true });
    this.#lines = newer?.length ?? 0;
    const placing = new Map<string, PlacingLine>();
    const done: PlacingLine[] = [];
    for (const line of lines) {
      const earlier = placing.get(line[1]);
      placing.delete(line[1]);
      if (line[0] === "dropped") continue;
      // Another process had the same number, and its name of a file: that one is done with.
      if (earlier) done.push(earlier);
      placing.set(line[1], line);
    }
    for (const line of placing.values()) {
      if (!(await this.#options.isUnfinished(line[1]))) done.push(line);
      // Its proof goes soon: better to know of nothing then than of this as placed.
      else if (!this.dropped(line[1])) this.#forget();
    }
    return done.map(([, , atMs, about]) => ({ about, ageMs: this.#ageOf(atMs) })).sort((a, b) => b.ageMs - a.ageMs);
  }

  /** To be called before the unfinished file `part` gets its own name; the system has the line when it returns. */
  placing(about: Inquiry, part: string): void {
    this.#append(["placing", part, this.#options.now(), about]);
  }

  /** It did not get that. False where this can't be noted: then `part` is to stay, as the proof. */
  dropped(part: string): boolean {
    return this.#append(["dropped", part]);
  }

  close(): void {
    const open = this.#descriptor;
    this.#descriptor = undefined;
    if (open !== undefined) closeSync(open);
  }

  get #olderFile(): string {
    return `${this.#options.file}.1`;
  }

  #ageOf(atMs: number): number {
    const ageMs = this.#options.now() - atMs;
    return ageMs < 0 ? Number.POSITIVE_INFINITY : ageMs;
  }

  /** Undefined where it is not there, or of another run of the kernel. What is torn is left out. */
  async #read(file: string): Promise<z.infer<typeof otherLine>[] | undefined> {
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
    const [first, ...others] = text.split("\n").map(parseJson);
    const boot = bootLine.safeParse(first);
    if (boot.data?.[1] !== this.#options.bootId) return undefined;
    return others.flatMap((line) => {
      const read = otherLine.safeParse(line);
      return read.success ? [read.data] : [];
    });
  }

  /** At once: to go to another thread and back takes longer, and each product waits for it. */
  #append(line: Line): boolean {
    const { linesMax = linesMaxDefault, onFailure } = this.#options;
    try {
      if (this.#lines >= linesMax) this.#turnOver();
      this.#descriptor ??= this.#openFile();
      // After a line of which only a part was written.
      writeAll(this.#descriptor, `${this.#isTorn ? "\n" : ""}${JSON.stringify(line)}\n`);
      this.#isTorn = false;
      this.#hasFailed = false;
      this.#lines += 1;
      return true;
    } catch (error) {
      this.#isTorn = true;
      if (!this.#hasFailed) onFailure(error as Error);
      this.#hasFailed = true;
      return false;
    }
  }

  /** For the next process. */
  #forget(): void {
    this.close();
    rmSync(this.#options.file, { force: true });
    rmSync(this.#olderFile, { force: true });
  }

  #turnOver(): void {
    this.close();
    renameSync(this.#options.file, this.#olderFile);
    this.#lines = 0;
  }

  #openFile(): number {
    const { file, bootId } = this.#options;
    const descriptor = openSync(file, "a", 0o600);
    try {
      const { size } = fstatSync(descriptor);
      // Whatever was torn ends here.
      writeAll(descriptor, size === 0 ? `${JSON.stringify(["boot", bootId] satisfies Line)}\n` : "\n");
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    return descriptor;
  }
}

function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
