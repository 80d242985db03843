/** Characters that no name and no URL may have, because a line of a log or of a protocol could end there. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
export const controlCharacter = /[\u0000-\u001f\u007f]/;

/**
 * Characters that affect a terminal, or how the text around them is shown: controls (C0, C1, DEL), line separators, direction
 * marks, characters without width, and unpaired surrogates.
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const hex = 16;

/** Foreign text that is safe for a terminal: control characters are written as `\x1b` or `\u202e`. Newlines and tabs stay. */
export function printable(text: string): string {
  return text.replace(unprintable, (sign) => (sign === "\n" || sign === "\t" ? sign : escaped(sign)));
}

/** The same on one line, newlines and tabs as `\n` and `\t`, cut to `charactersMax`; a cut text ends in `…`. */
export function printableLine(text: string, charactersMax = Number.POSITIVE_INFINITY): string {
  const cut = text.length > charactersMax;
  const shown = (cut ? text.slice(0, charactersMax) : text).replace(unprintable, escaped);
  return cut ? `${shown}…` : shown;
}

function escaped(sign: string): string {
  const code = sign.codePointAt(0) ?? 0;
  if (sign === "\n") return "\\n";
  if (sign === "\t") return "\\t";
  if (code <= 0xff) return `\\x${code.toString(hex).padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${code.toString(hex).padStart(4, "0")}` : `\\u{${code.toString(hex)}}`;
}

/** Bytes as one line; bytes that are not valid UTF-8 are also shown as `\xff`. */
export function printableBytes(bytes: Buffer, bytesMax: number): string {
  const cut = bytes.subarray(0, bytesMax);
  const text = cut.toString("utf8");
  // A character that was cut in half does not mean that the body is binary.
  const isText = !text.slice(0, -1).includes("\ufffd");
  const shown = printableLine(isText ? text.replace(/\ufffd$/, "") : cut.toString("latin1"));
  return bytes.length > bytesMax ? `${shown}…` : shown;
}

/** Whether lists and objects are nested at most this deep. One that contains itself is infinitely deep. */
export function isNestedAtMost(value: unknown, depthMax: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depthMax > 0 && Object.values(value).every((item) => isNestedAtMost(item, depthMax - 1));
}
