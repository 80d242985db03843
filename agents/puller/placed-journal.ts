import { closeSync, fstatSync, openSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { z } from "zod";
import { fileLines } from "../lib/file-lines.ts";
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
type OtherLine = z.infer<typeof otherLine>;
type Line = z.infer<typeof bootLine> | OtherLine;

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
    const { done, placing } = placedBy(lines);
    for (const line of placing) {
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
    return olderOf(this.#options.file);
  }

  #ageOf(atMs: number): number {
    const ageMs = this.#options.now() - atMs;
    return ageMs < 0 ? Number.POSITIVE_INFINITY : ageMs;
  }

  /** Undefined where it is not there, or of another run of the kernel. What is torn is left out. */
  async #read(file: string): Promise<OtherLine[] | undefined> {
    const { bootId, lines } = await readFileOf(file);
    return bootId === this.#options.bootId ? lines : undefined;
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

/**
 * What the journal tells as placed, whatever run of the kernel it is of; also while its puller writes. The oldest first.
 *
 * @param unfinished names of the files in the receiver queue folder that aren't placed yet, asked for after the journal is read
 */
export async function placedByFile(
  file: string,
  unfinished: () => Promise<ReadonlySet<string>>,
): Promise<readonly { readonly atMs: number; readonly about: Inquiry }[]> {
  const { done, placing } = placedBy(await readBoth(file));
  const parts = await unfinished();
  const placed = [...done, ...placing.filter(([, part]) => !parts.has(part))];
  return placed.map(([, , atMs, about]) => ({ atMs, about })).sort((a, b) => a.atMs - b.atMs);
}

/** Lines of both files. Where the puller turns them over meanwhile, they are read again. */
async function readBoth(file: string): Promise<OtherLine[]> {
  for (;;) {
    const before = statSync(file, { throwIfNoEntry: false })?.ino;
    const lines = [...(await readFileOf(olderOf(file))).lines, ...(await readFileOf(file)).lines];
    if (statSync(file, { throwIfNoEntry: false })?.ino === before) return lines;
  }
}

const olderOf = (file: string): string => `${file}.1`;

/** What is torn is left out; a file that is not there has no lines. */
async function readFileOf(file: string): Promise<{ readonly bootId: string | undefined; readonly lines: OtherLine[] }> {
  let bootId: string | undefined;
  let isFirst = true;
  const lines: OtherLine[] = [];
  for await (const text of fileLines(file)) {
    const json = parseJson(text);
    if (isFirst) bootId = bootLine.safeParse(json).data?.[1];
    const read = otherLine.safeParse(json);
    if (!isFirst && read.success) lines.push(read.data);
    isFirst = false;
  }
  return { bootId, lines };
}

/** `placing`: what was placed unless its unfinished file is there; `done`: what certainly was. */
function placedBy(lines: readonly OtherLine[]): { readonly done: PlacingLine[]; readonly placing: PlacingLine[] } {
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
  return { done, placing: [...placing.values()] };
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
