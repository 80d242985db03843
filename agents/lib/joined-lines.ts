/** A body that reports several things: a first line with the format and its version, then a line for each thing. */
export interface JoinedFormat {
  readonly firstLine: string;
  /** Things in one message at most. */
  readonly max: number;
  /** Of each line, its end included. */
  readonly lineBytesMax: number;
}

export const joinLines = ({ firstLine }: JoinedFormat, lines: readonly string[]): Buffer =>
  Buffer.from([firstLine, ...lines].join("\n"));

/** The lines of a body, without the first; undefined if it is in another format or too long. */
export function linesIn({ firstLine, max, lineBytesMax }: JoinedFormat, body: Buffer): readonly string[] | undefined {
  if (body.length > firstLine.length + max * lineBytesMax) return undefined;
  if (!body.subarray(0, firstLine.length).equals(Buffer.from(firstLine))) return undefined;
  return body
    .toString()
    .split("\n")
    .slice(1, max + 1);
}
