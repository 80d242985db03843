/**
 * Blanks `//` and block comments out of JSON text, so that annotated examples are configs. Every other character keeps its
 * line and column, which keeps the parser's own error positions true.
 *
 * Goes through the text once: an expression would overflow on a long string, and start again at each quote that nothing closes.
 */
export function blankComments(text: string): string {
  const parts: string[] = [];
  const lastClosing = text.lastIndexOf("*/");
  let from = 0;
  for (let at = 0; at < text.length; ) {
    const end = text[at] === "/" ? endOfComment(text, at, lastClosing) : undefined;
    if (end !== undefined) {
      parts.push(text.slice(from, at), text.slice(at, end).replace(/[^\n]/g, " "));
      from = end;
      at = end;
    } else at = text[at] === '"' ? endOfString(text, at) : at + 1;
  }
  parts.push(text.slice(from));
  return parts.join("");
}

/** Where a comment that begins with this slash ends; undefined where none begins. One that nothing closes is none. */
function endOfComment(text: string, at: number, lastClosing: number): number | undefined {
  if (text[at + 1] === "/") {
    const end = text.indexOf("\n", at);
    return end < 0 ? text.length : end;
  }
  if (text[at + 1] !== "*" || lastClosing < at + 2) return undefined;
  return text.indexOf("*/", at + 2) + 2;
}

/** Behind a string that begins here: a "//" in it (a URL) is never taken for a comment. A line's end ends it, as in JSON. */
function endOfString(text: string, at: number): number {
  for (let next = at + 1; next < text.length; next += 1) {
    const character = text[next];
    if (character === "\\") next += 1;
    else if (character === '"') return next + 1;
    else if (character === "\n") return next;
  }
  return text.length;
}
