import { StringDecoder } from "node:string_decoder";

/** Limit for one stream of a command: it is kept in memory and in the stack's state. */
const outputBytesMax = 64 * 1024 * 1024;

/** How much of a failed command's output goes into its error. */
const tailCharactersMax = 2000;
const tailLinesMax = 20;

export type StreamName = "stdout" | "stderr";

/** How a command ended. */
export interface Result {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** Captures the output of one command, and passes on complete lines as they come. */
export class Capture {
  readonly #texts = { stdout: "", stderr: "" };
  readonly #decoders = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };
  readonly #partial = { stdout: "", stderr: "" };
  readonly #bytes = { stdout: 0, stderr: 0 };
  readonly #onLine: (stream: StreamName, line: string) => void;

  constructor(onLine: (stream: StreamName, line: string) => void) {
    this.#onLine = onLine;
  }

  /** Throws if the stream exceeds the limit. */
  add(stream: StreamName, chunk: Buffer): void {
    this.#bytes[stream] += chunk.length;
    if (this.#bytes[stream] > outputBytesMax) {
      throw new Error(
        `the command wrote more than ${outputBytesMax} bytes to ${stream}: write its output to a file instead`,
      );
    }
    const text = this.#decoders[stream].write(chunk);
    this.#texts[stream] += text;
    const lines = (this.#partial[stream] + text).split("\n");
    this.#partial[stream] = lines.pop() ?? "";
    for (const line of lines) this.#onLine(stream, line);
  }

  /** The complete output, each stream without its last line break. */
  end(exitCode: number | null, signal: string | null): Result {
    for (const stream of ["stdout", "stderr"] as const) {
      if (this.#partial[stream] !== "") this.#onLine(stream, this.#partial[stream]);
    }
    const { stdout, stderr } = this.#texts;
    return { stdout: stdout.replace(/\n$/, ""), stderr: stderr.replace(/\n$/, ""), exitCode, signal };
  }
}

/**
 * The error of a failed command: how it ended and its last output. Never the command's text, which may contain secrets and is known to its author.
 */
export function commandFailure(where: string, what: string, { stdout, stderr, exitCode, signal }: Result): Error {
  const end = signal === null ? `exit code ${exitCode}` : `signal ${signal}`;
  const [stream, text] = stderr.trim() === "" ? ["stdout", stdout] : ["stderr", stderr];
  const words = tail(text);
  return new Error(`${where}: the ${what} command failed with ${end}${words && `; last on ${stream}:\n${words}`}`);
}

function tail(text: string): string {
  const lines = text.trimEnd().split("\n").slice(-tailLinesMax).join("\n");
  return lines.length > tailCharactersMax ? `…${lines.slice(-tailCharactersMax)}` : lines;
}
