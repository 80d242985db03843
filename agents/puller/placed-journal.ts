import * as z from "zod";
import { jsonLines, readLineLog } from "../lib/file-lines.ts";
import { LineLog } from "../lib/line-log.ts";
import type { Log } from "../lib/log.ts";
import { type Inquiry, inquirySchema } from "./peer-message.ts";

/** A product that was placed before this process started. */
export interface PlacedBefore {
  readonly about: Inquiry;
  /** Infinite if the clock can't be right: then no product is identified by its time. */
  readonly ageMs: number;
}

export interface PlacedJournalOptions {
  readonly file: string;
  /** Of the current boot: a line from an earlier boot may have outlived its file. */
  readonly bootId: string;
  /** Whether an unfinished file of that name is in the folder. */
  readonly isUnfinished: (part: string) => Promise<boolean>;
  readonly log: Log;
  readonly now: () => number;
  readonly linesMax?: number;
}

/** Two files of this many lines have about what a puller remembers (`ProductMemory`), in 20 MB. */
const linesMaxDefault = 25_000;

const bootLine = z.tuple([z.literal("boot"), z.string()]);
const placingLine = z.tuple([z.literal("placing"), z.string(), z.number(), inquirySchema]);
const droppedLine = z.tuple([z.literal("dropped"), z.string()]);
const anyLine = z.union([bootLine, placingLine, droppedLine]);
type PlacingLine = z.infer<typeof placingLine>;
type Line = z.infer<typeof anyLine>;

const codec = jsonLines((json) => anyLine.safeParse(json).data);

/**
 * What a puller has placed, recorded for the next process: the files may have been ingested and removed by then. A line is written
 * before the file gets its own name, and is handed to the system but not synced. So after a kill at any moment the record is reliable: a
 * product with a line and no unfinished file was placed. After a power loss nothing is known but what is in the folder.
 */
export class PlacedJournal {
  readonly #options: PlacedJournalOptions;
  readonly #lines: LineLog<Line>;
  #hasFailed = false;

  constructor(options: PlacedJournalOptions) {
    this.#options = options;
    const { file, log, bootId } = options;
    this.#lines = new LineLog({ file, mode: 0o600, codec, log, head: ["boot", bootId] });
  }

  /** What was placed before, oldest first. Call this before unfinished files are removed. */
  async open(): Promise<PlacedBefore[]> {
    const { bootId, isUnfinished } = this.#options;
    const lines: Line[] = [];
    let isOfThisBoot = false;
    await this.#lines.open((line) => {
      if (line[0] === "boot") isOfThisBoot = line[1] === bootId;
      else if (isOfThisBoot) lines.push(line);
    });
    if (!isOfThisBoot) this.#lines.startAgain();
    const { done, placing } = placedBy(lines);
    for (const line of placing) {
      if (!(await isUnfinished(line[1]))) done.push(line);
      // The proof is about to be removed: better to know nothing than to count this as placed.
      else if (!this.dropped(line[1])) this.#lines.forget();
    }
    return done.map(([, , atMs, about]) => ({ about, ageMs: this.#ageOf(atMs) })).sort((a, b) => b.ageMs - a.ageMs);
  }

  /** Call this before the unfinished file `part` gets its own name; the system has the line on return. */
  placing(about: Inquiry, part: string): void {
    this.#append(["placing", part, this.#options.now(), about]);
  }

  /** `part` was not renamed. Returns false if this can't be recorded: then `part` must stay as the proof. */
  dropped(part: string): boolean {
    return this.#append(["dropped", part]);
  }

  async close(): Promise<void> {
    await this.#lines.close();
  }

  #ageOf(atMs: number): number {
    const ageMs = this.#options.now() - atMs;
    return ageMs < 0 ? Number.POSITIVE_INFINITY : ageMs;
  }

  /** Each product waits for the write and continues without it if it fails. Only the first of consecutive failures is logged. */
  #append(line: Line): boolean {
    const { linesMax = linesMaxDefault, log } = this.#options;
    try {
      if (this.#lines.lines > linesMax) this.#lines.rotate();
      this.#lines.append(line);
      this.#hasFailed = false;
      return true;
    } catch (error) {
      if (!this.#hasFailed)
        log.warn({ err: error }, "placed products can't be recorded: they are forgotten when this process exits");
      this.#hasFailed = true;
      return false;
    }
  }
}

/**
 * What the journal reports as placed, from any boot, oldest first. Works while its puller writes.
 *
 * @param unfinished returns the names of unplaced files in the receiver queue folder; called after the journal is read
 */
export async function placedByFile(
  file: string,
  unfinished: () => Promise<ReadonlySet<string>>,
): Promise<readonly { readonly atMs: number; readonly about: Inquiry }[]> {
  const lines: Line[] = [];
  for await (const line of readLineLog(file, codec)) lines.push(line);
  const { done, placing } = placedBy(lines);
  const parts = await unfinished();
  const placed = [...done, ...placing.filter(([, part]) => !parts.has(part))];
  return placed.map(([, , atMs, about]) => ({ atMs, about })).sort((a, b) => a.atMs - b.atMs);
}

/** `placing`: placed unless the unfinished file is still there; `done`: certainly placed. */
function placedBy(lines: readonly Line[]): { readonly done: PlacingLine[]; readonly placing: PlacingLine[] } {
  const placing = new Map<string, PlacingLine>();
  const done: PlacingLine[] = [];
  for (const line of lines) {
    if (line[0] === "boot") continue;
    const earlier = placing.get(line[1]);
    placing.delete(line[1]);
    if (line[0] === "dropped") continue;
    // Another process had the same number and so the same file name; that one is finished.
    if (earlier) done.push(earlier);
    placing.set(line[1], line);
  }
  return { done, placing: [...placing.values()] };
}
