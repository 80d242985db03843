import { access } from "node:fs/promises";

/** Whether this path exists. */
export function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
