/** Removes known secrets from a text for a log or an error. */
export type Mask = (text: string) => string;

/** Parts of a secret shorter than this are not masked, because that would only make texts unreadable. */
const partLengthMin = 8;

/**
 * A mask for these secrets. Each is masked as a whole, by lines and by its longer words, because a program that fails on a secret tends to quote
 * part of it (a line of a file, a field of a record).
 */
export function maskFor(secrets: readonly string[]): Mask {
  const parts = new Set<string>();
  for (const text of secrets) {
    if (text.trim() !== "") parts.add(text.trim());
    const pieces = [...text.split(/\r?\n/), ...text.split(/[\s"'`=:,;|&<>()[\]{}@]+/)];
    for (const piece of pieces) if (piece.trim().length >= partLengthMin) parts.add(piece.trim());
  }
  // Longest first, so that a secret that contains another one is masked as a whole.
  const ordered = [...parts].sort((left, right) => right.length - left.length);
  return (text) => ordered.reduce((masked, part) => masked.replaceAll(part, "[secret]"), text);
}
