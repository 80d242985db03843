import { readFile } from "node:fs/promises";

export async function isMounted(path: string): Promise<boolean> {
  return (await mountsBelow(path)).includes(path);
}

/** Mount points at or below a path. */
export async function mountsBelow(path: string): Promise<string[]> {
  const lines = (await readFile("/proc/self/mounts", "utf8")).split("\n");
  const points = lines.map((line) => unescapeMount(line.split(" ")[1] ?? ""));
  return points.filter((point) => point === path || point.startsWith(`${path}/`));
}

/** Decodes a mount point: the kernel writes blanks as a backslash and three octal digits. */
export function unescapeMount(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
