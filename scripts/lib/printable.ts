/**
 * Signs that do something to a terminal, or to how the text around them is shown: controls (C0, C1, DEL), what separates lines, what turns the
 * direction of writing, what has no width, and halves of characters.
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * A text from strangers as it may be shown: on one line, such signs written as `\x1b` or `\u202e`, and no longer than `charactersMax`.
 */
export function printable(text: string, charactersMax = Number.POSITIVE_INFINITY): string {
  const cut = text.length > charactersMax;
  const shown = (cut ? text.slice(0, charactersMax) : text).replace(unprintable, escaped);
  return cut ? `${shown}…` : shown;
}

function escaped(sign: string): string {
  const code = sign.codePointAt(0) ?? 0;
  if (sign === "\n") return "\\n";
  if (sign === "\t") return "\\t";
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, "0")}` : `\\u{${code.toString(16)}}`;
}

/** The same of bytes: what is not valid UTF-8 shows as `\xff`, too. */
export function printableBytes(bytes: Buffer, bytesMax: number): string {
  const cut = bytes.subarray(0, bytesMax);
  const text = cut.toString("utf8");
  // A character that the cut went through is no sign of a binary body.
  const isText = !text.slice(0, -1).includes("\ufffd");
  const shown = printable(isText ? text.replace(/\ufffd$/, "") : cut.toString("latin1"));
  return bytes.length > bytesMax ? `${shown}…` : shown;
}
