import { basename, dirname, join } from "node:path";
import type { Fault, Place } from "./findings.ts";

/** One option as Sundew read it: a line, split at blanks. */
export interface ConfLine extends Place {
  readonly option: string;
  /** The option's values; never empty. */
  readonly words: readonly [string, ...string[]];
}

export interface Conf {
  readonly lines: readonly ConfLine[];
  readonly faults: readonly Fault[];
}

/** The bytes of a file. Rejects as `fs.readFile` does. */
export type ReadBytes = (file: string) => Promise<Uint8Array>;

/** Depth of included files; a circle exceeds it. */
const depthMax = 8;
/** Number of included files: one that includes itself ten times would make a hundred million. */
const includesMax = 1000;

/**
 * Reads a file of `etc/tx` or `etc/rx` as Sundew did: `px.conf` in the folder above comes first, and `include` (of senders) is replaced by
 * the included file. Lines that begin with `#`, and those of one word, are ignored.
 */
export async function readConf(file: string, agent: "sender" | "receiver", read: ReadBytes): Promise<Conf> {
  const lines: ConfLine[] = [];
  const faults: Fault[] = [];
  const reading = { agent, read, lines, faults, includesCount: 0 };
  const common = join(dirname(dirname(file)), "px.conf");
  const isInPlace = ["tx", "rx"].includes(basename(dirname(file)));
  const commonText = isInPlace ? await read(common).catch(ignoreMissing) : undefined;
  if (commonText) await addLines(reading, common, commonText, 1);
  const text = await read(file).catch((error: Error) => {
    const remedy = "give the path of a file of Sundew's etc/tx or etc/rx";
    faults.push({ file, line: 0, message: `can't be read: ${error.message}`, remedy });
  });
  if (text) await addLines(reading, file, text, 1);
  return { lines, faults };
}

interface Reading {
  readonly agent: "sender" | "receiver";
  readonly read: ReadBytes;
  readonly lines: ConfLine[];
  readonly faults: Fault[];
  includesCount: number;
}

async function addLines(reading: Reading, file: string, bytes: Uint8Array, depth: number): Promise<void> {
  for (const [index, raw] of decode(bytes).split("\n").entries()) {
    const place = { file, line: index + 1 };
    if (raw.includes("\ufffd")) {
      const remedy = `iconv -f latin1 -t utf8 ${file}`;
      reading.faults.push({ ...place, message: "is not UTF-8, as names of files and messages are", remedy });
      continue;
    }
    const [option = "", first, ...rest] = raw.trim().split(/\s+/);
    if (first === undefined || option.startsWith("#")) continue;
    if (option === "include" && reading.agent === "sender") await include(reading, place, first, depth);
    else reading.lines.push({ ...place, option, words: [first, ...rest] });
  }
}

async function include(reading: Reading, place: Place, name: string, depth: number): Promise<void> {
  const { faults } = reading;
  const included = join(dirname(place.file), name);
  reading.includesCount += 1;
  if (reading.includesCount > includesMax) {
    const isFirst = reading.includesCount === includesMax + 1;
    const message = `include ${name}: more than ${includesMax} files are included`;
    if (isFirst) faults.push({ ...place, message, remedy: "a file includes itself, or all others: remove that line" });
    return;
  }
  if (depth >= depthMax) {
    const message = `include ${name}: more than ${depthMax} files deep`;
    faults.push({ ...place, message, remedy: "a file includes itself: remove that line" });
    return;
  }
  const bytes = await reading.read(included).catch((error: Error) => {
    const message = `include ${name}: can't be read: ${error.message}`;
    faults.push({ ...place, message, remedy: `put it beside ${place.file}, where Sundew had it` });
  });
  if (bytes) await addLines(reading, included, bytes, depth + 1);
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8").decode(bytes).replaceAll("\r\n", "\n");
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
  return undefined;
}
