/** A valid name (a DNS label) from one that may have other characters: `bunny_OP` becomes `bunny-op`. */
export function nameFrom(text: string, otherwise: string): string {
  const name = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, 63)
    .replace(/-+$/, "");
  return name || otherwise;
}
