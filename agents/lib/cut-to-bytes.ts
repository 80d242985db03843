const mark = "…";

/** The text, cut to at most `bytesMax` bytes of UTF-8. A cut text ends in `…` and is never cut within a character. */
export function cutToBytes(text: string, bytesMax: number): string {
  if (Buffer.byteLength(text) <= bytesMax) return text;
  const room = Math.max(0, bytesMax - Buffer.byteLength(mark));
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(room));
  return text.slice(0, read) + mark;
}
