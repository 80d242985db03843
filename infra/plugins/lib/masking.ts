/** Takes known secrets out of a text before it goes to a log or an error. */
export type Mask = (text: string) => string;

/** Parts of a secret shorter than this are left alone: masking them would only make texts unreadable. */
const partLengthMin = 8;

/**
 * A mask for these secrets. Each secret is masked whole, by its lines, and by its longer words, because a program that
 * fails on a secret tends to quote a part of it (one line of a file, one field of a record).
 */
export function maskFor(secrets: readonly string[]): Mask {
  const parts = new Set<string>();
  for (const text of secrets) {
    if (text.trim() !== "") parts.add(text.trim());
    const pieces = [...text.split(/\r?\n/), ...text.split(/[\s"'`=:,;|&<>()[\]{}@]+/)];
    for (const piece of pieces) if (piece.trim().length >= partLengthMin) parts.add(piece.trim());
  }
  // Longest first, so that a secret that holds another one is masked as a whole.
  const ordered = [...parts].sort((left, right) => right.length - left.length);
  return (text) => ordered.reduce((masked, part) => masked.replaceAll(part, "[secret]"), text);
}
