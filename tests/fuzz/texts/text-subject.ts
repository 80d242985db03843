import { setImmediate as turn } from "node:timers/promises";
import { ConfigError } from "../../../agents/lib/errors.ts";
import { replayCommand } from "../report.ts";
import { reported } from "../run.ts";
import { draw, indicesOf, isValidIndex } from "../seeds.ts";
import type { FuzzSubject } from "../subject.ts";
import { hostileChange } from "./mutations.ts";

/** A reader of foreign text. */
export interface TextReader {
  readonly name: string;
  readonly summary: string;
  /** Texts that it accepts unchanged. */
  readonly samples: readonly Buffer[];
  /**
   * Reads one text.
   * @returns why it refuses the text; undefined if it accepts it @throws Error if the program fails
   */
  read(bytes: Buffer, sample: number): Promise<string | undefined> | string | undefined;
}

/** Limit for reading one text, for a busy machine. */
const readMsMax = 5000;
/** Inputs between two turns of the event loop, which handle signals. */
const inputsPerTurn = 20;

/** A subject that changes and reads texts in this process, one after the other. */
export function textSubject(reader: TextReader): FuzzSubject {
  const { name, summary } = reader;
  return {
    name,
    summary,
    run: (options) =>
      reported(name, options, async () => {
        const findings: string[] = [];
        let [cameOut, refused, done] = [0, 0, 0];
        for (const index of indicesOf(options)) {
          if (done % inputsPerTurn === 0) {
            options.progress(done);
            await turn();
            options.signal.throwIfAborted();
          }
          done += 1;
          const { finding, refusal } = await readOne(reader, options.seed, index);
          if (finding !== undefined) findings.push(`${finding}; ${replayCommand(name, options.seed, index)}`);
          else if (refusal === undefined) cameOut += 1;
          else refused += 1;
        }
        return { cameOut, refused, findings };
      }),
  };
}

interface Read {
  readonly finding?: string | undefined;
  readonly refusal?: string | undefined;
}

async function readOne(reader: TextReader, seed: number, index: number): Promise<Read> {
  const sample = index % reader.samples.length;
  const original = reader.samples[sample] ?? Buffer.alloc(0);
  const isValid = isValidIndex(index);
  const bytes = isValid ? original : draw(hostileChange, seed, index)(original);
  const beganMs = performance.now();
  try {
    const refusal = await reader.read(bytes, sample);
    const tookMs = performance.now() - beganMs;
    const polluted = Object.keys(Object.prototype);
    if (polluted.length > 0) return { finding: `changed Object.prototype: ${polluted}` };
    if (tookMs > readMsMax) return { finding: `took ${Math.round(tookMs)} ms for ${bytes.length} bytes` };
    return { finding: refusal === undefined ? undefined : formFault(refusal, isValid), refusal };
  } catch (error) {
    return { finding: (error as Error).stack?.split("\n").slice(0, 3).join(" ") ?? String(error) };
  }
}

/** Control characters that a terminal interprets. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
export const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

/** The problem of a refusal; undefined if there is none. */
function formFault(refusal: string, isValid: boolean): string | undefined {
  if (isValid) return `refused a valid text: ${refusal}`;
  if (refusal.trim() === "") return "refused without a reason";
  if (/^\s*at \S+ \(?(?:file|node):/m.test(refusal)) return `printed a stack trace: ${refusal}`;
  return steering.test(refusal) ? `printed control characters: ${JSON.stringify(refusal.slice(0, 300))}` : undefined;
}

/** Reads with a function that throws a `ConfigError` for a user's mistake; any other error is a fault of the program. */
export function refusalOf(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.format();
    throw error;
  }
}
