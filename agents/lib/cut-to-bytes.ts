const mark = "…";

/** A text of at most `bytesMax` bytes as UTF-8; what is cut ends in `…`, never within a character. */
export function cutToBytes(text: string, bytesMax: number): string {
  if (Buffer.byteLength(text) <= bytesMax) return text;
  const room = Math.max(0, bytesMax - Buffer.byteLength(mark));
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(room));
  return text.slice(0, read) + mark;
}
