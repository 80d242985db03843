import { joinLines, linesIn } from "./joined-lines.ts";

/** An announcement that the broker has, for auditors. */
export interface AnnouncedCopy {
  /** Its v00 body. */
  readonly body: Buffer;
  /** When its file was complete. */
  readonly closedMs: number | undefined;
}

/** Copies in one message at most: announcements have some 200 bytes. */
export const copiesMax = 50;
const format = { firstLine: "announced 2", max: copiesMax, lineBytesMax: 4096 };
const lineText = /^(-|[1-9]\d{0,14}) (.+)$/s;

/** The body of a message with several copies: a line with the format and its version, then a line for each, with when it was closed (`-`: unknown). */
export function formatCopies(copies: readonly AnnouncedCopy[]): Buffer {
  const lines = copies.map(({ body, closedMs }) => `${closedMs ?? "-"} ${body.toString().trimEnd()}`);
  return joinLines(format, lines);
}

/** The copies in a message; undefined if it is in another format: one announcement as it was sent. Lines that are none are left out. */
export function copiesIn(body: Buffer): readonly AnnouncedCopy[] | undefined {
  return linesIn(format, body)?.flatMap((line) => {
    const [, closed, text] = lineText.exec(line) ?? [];
    if (text === undefined) return [];
    return [{ body: Buffer.from(text), closedMs: closed === "-" ? undefined : Number(closed) }];
  });
}
