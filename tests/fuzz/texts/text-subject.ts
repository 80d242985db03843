import { setImmediate as turn } from "node:timers/promises";
import { replayCommand } from "../report.ts";
import { draw, indicesOf, isValidTurn, validCount } from "../seeds.ts";
import type { FuzzOptions, FuzzReport, FuzzSubject } from "../subject.ts";
import { hostileChange } from "./mutations.ts";

/** Something that reads foreign text. */
export interface TextReader {
  readonly name: string;
  readonly summary: string;
  /** Texts that it takes as they are. */
  readonly samples: readonly Buffer[];
  /**
   * Reads one text.
   * @returns what it says against it; undefined where it takes it. @throws Error where it fails as a program does
   */
  read(bytes: Buffer, sample: number): Promise<string | undefined> | string | undefined;
}

const pollutedKeys = (): string[] => Object.keys(Object.prototype);

/** No text of this size takes a reader so long, on a machine with other work to do. */
const readMsMax = 5000;
/** Inputs before the event loop gets its turn: a signal must be heard. */
const inputsPerTurn = 20;

/** Texts are changed and read, one after the other in this process. */
export function textSubject(reader: TextReader): FuzzSubject {
  return {
    name: reader.name,
    summary: reader.summary,
    async run(options: FuzzOptions): Promise<FuzzReport> {
      const { seed, only, signal, progress } = options;
      const startedMs = performance.now();
      const findings: string[] = [];
      let [cameOut, refused, done] = [0, 0, 0];
      for (const index of indicesOf(options)) {
        if (done % inputsPerTurn === 0) {
          progress(done);
          await turn();
          signal.throwIfAborted();
        }
        done += 1;
        const fault = await readOne(reader, seed, index);
        if (fault.finding !== undefined) findings.push(`${fault.finding}; ${replayCommand(reader.name, seed, index)}`);
        else if (fault.refusal === undefined) cameOut += 1;
        else refused += 1;
      }
      const seconds = (performance.now() - startedMs) / 1000;
      const valid = validCount(options);
      const count = only === undefined ? options.count : 1;
      return { subject: reader.name, seed, count, valid, cameOut, refused, seconds, findings };
    },
  };
}

async function readOne(reader: TextReader, seed: number, index: number) {
  const sample = index % reader.samples.length;
  const whole = reader.samples[sample] ?? Buffer.alloc(0);
  const isValid = isValidTurn(index);
  const bytes = isValid ? whole : draw(hostileChange, seed, index)(whole);
  const beganMs = performance.now();
  try {
    const refusal = await reader.read(bytes, sample);
    const tookMs = performance.now() - beganMs;
    if (pollutedKeys().length > 0) return { finding: `changed what all objects have: ${pollutedKeys()}` };
    if (tookMs > readMsMax) return { finding: `took ${Math.round(tookMs)} ms for ${bytes.length} bytes` };
    return { finding: formFault(refusal, isValid), refusal };
  } catch (error) {
    return { finding: (error as Error).stack?.split("\n").slice(0, 3).join(" ") ?? String(error) };
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

/** What is wrong with a refusal; undefined where nothing is. */
function formFault(refusal: string | undefined, isValid: boolean): string | undefined {
  if (refusal === undefined) return undefined;
  if (isValid) return `refuses a valid text: ${refusal}`;
  if (refusal.trim() === "") return "refuses without a reason";
  if (/^\s*at \S+ \(?(?:file|node):/m.test(refusal)) return `shows where the program failed: ${refusal}`;
  return steering.test(refusal) ? `prints control characters: ${JSON.stringify(refusal.slice(0, 300))}` : undefined;
}

/** Reads by a function that throws what a person has done wrong, as a message; all else is a fault of the program. */
export function refusalOf(read: () => unknown, isTyped: (error: unknown) => error is { format(): string }) {
  try {
    read();
    return undefined;
  } catch (error) {
    if (isTyped(error)) return error.format();
    throw error;
  }
}
