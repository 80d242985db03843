import { setImmediate as turn } from "node:timers/promises";
import { ConfigError } from "../../../agents/lib/errors.ts";
import { replayCommand } from "../report.ts";
import { reported } from "../run.ts";
import { draw, indicesOf, isValidTurn } from "../seeds.ts";
import type { FuzzSubject } from "../subject.ts";
import { hostileChange } from "./mutations.ts";

/** Something that reads foreign text. */
export interface TextReader {
  readonly name: string;
  readonly summary: string;
  /** Texts that it accepts as they are. */
  readonly samples: readonly Buffer[];
  /**
   * Reads one text.
   * @returns why it refuses it; undefined where it accepts it. @throws Error where it fails as a program does
   */
  read(bytes: Buffer, sample: number): Promise<string | undefined> | string | undefined;
}

/** A text of this size never takes a reader so long, on a machine with other work to do. */
const readMsMax = 5000;
/** Inputs before the event loop may go round: a signal must be heard. */
const inputsPerTurn = 20;

/** Texts are changed and read, one after the other in this process. */
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
  const isValid = isValidTurn(index);
  const bytes = isValid ? original : draw(hostileChange, seed, index)(original);
  const beganMs = performance.now();
  try {
    const refusal = await reader.read(bytes, sample);
    const tookMs = performance.now() - beganMs;
    const polluted = Object.keys(Object.prototype);
    if (polluted.length > 0) return { finding: `changed what all objects have: ${polluted}` };
    if (tookMs > readMsMax) return { finding: `took ${Math.round(tookMs)} ms for ${bytes.length} bytes` };
    return { finding: refusal === undefined ? undefined : formFault(refusal, isValid), refusal };
  } catch (error) {
    return { finding: (error as Error).stack?.split("\n").slice(0, 3).join(" ") ?? String(error) };
  }
}

/** What a terminal would obey. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
export const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

/** What is wrong with a refusal; undefined where nothing is. */
function formFault(refusal: string, isValid: boolean): string | undefined {
  if (isValid) return `refuses a valid text: ${refusal}`;
  if (refusal.trim() === "") return "refuses without a reason";
  if (/^\s*at \S+ \(?(?:file|node):/m.test(refusal)) return `shows where the program failed: ${refusal}`;
  return steering.test(refusal) ? `prints control characters: ${JSON.stringify(refusal.slice(0, 300))}` : undefined;
}

/** Reads by a function that throws a user's mistake as a `ConfigError`; anything else is a fault of the program. */
export function refusalOf(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.format();
    throw error;
  }
}
