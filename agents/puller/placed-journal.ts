import { z } from "zod";
import { jsonLines, readLineLog } from "../lib/file-lines.ts";
import { LineLog } from "../lib/line-log.ts";
import type { Log } from "../lib/log.ts";
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
  readonly log: Log;
  readonly now: () => number;
  readonly linesMax?: number;
}

/** Two files of so many have at most what a puller remembers (`ProductMemory`), in 20 MB. */
const linesMaxDefault = 25_000;

const bootLine = z.tuple([z.literal("boot"), z.string()]);
const placingLine = z.tuple([z.literal("placing"), z.string(), z.number(), inquirySchema]);
const droppedLine = z.tuple([z.literal("dropped"), z.string()]);
const anyLine = z.union([bootLine, placingLine, droppedLine]);
type PlacingLine = z.infer<typeof placingLine>;
type Line = z.infer<typeof anyLine>;

const codec = jsonLines((json) => anyLine.safeParse(json).data);

/**
 * What a puller has placed, for the process after it: whoever ingests may have taken the file away by then. A line is written before the
 * file gets its own name, and given to the system, not to the disk. So after a kill, at whatever moment, it is known for certain: what
 * has no unfinished file any more was placed. After a loss of power nothing is known but what is in the folder.
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

  /** What was placed before, the oldest first. To be called before unfinished files are removed. */
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
      // Its proof goes soon: better to know of nothing then than of this as placed.
      else if (!this.dropped(line[1])) this.#lines.forget();
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

  async close(): Promise<void> {
    await this.#lines.close();
  }

  #ageOf(atMs: number): number {
    const ageMs = this.#options.now() - atMs;
    return ageMs < 0 ? Number.POSITIVE_INFINITY : ageMs;
  }

  /** Each product waits for it, and goes on without it; only the first failure of several in a row is logged. */
  #append(line: Line): boolean {
    const { linesMax = linesMaxDefault, log } = this.#options;
    try {
      if (this.#lines.lines > linesMax) this.#lines.turnOver();
      this.#lines.append(line);
      this.#hasFailed = false;
      return true;
    } catch (error) {
      if (!this.#hasFailed)
        log.warn({ err: error }, "what is placed can't be noted: it is forgotten with this process");
      this.#hasFailed = true;
      return false;
    }
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
  const lines: Line[] = [];
  for await (const line of readLineLog(file, codec)) lines.push(line);
  const { done, placing } = placedBy(lines);
  const parts = await unfinished();
  const placed = [...done, ...placing.filter(([, part]) => !parts.has(part))];
  return placed.map(([, , atMs, about]) => ({ atMs, about })).sort((a, b) => a.atMs - b.atMs);
}

/** `placing`: what was placed unless its unfinished file is there; `done`: what certainly was. */
function placedBy(lines: readonly Line[]): { readonly done: PlacingLine[]; readonly placing: PlacingLine[] } {
  const placing = new Map<string, PlacingLine>();
  const done: PlacingLine[] = [];
  for (const line of lines) {
    if (line[0] === "boot") continue;
    const earlier = placing.get(line[1]);
    placing.delete(line[1]);
    if (line[0] === "dropped") continue;
    // Another process had the same number, and its name of a file: that one is done with.
    if (earlier) done.push(earlier);
    placing.set(line[1], line);
  }
  return { done, placing: [...placing.values()] };
}
