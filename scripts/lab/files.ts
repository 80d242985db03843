import { access } from "node:fs/promises";

/** Whether something has this path now. */
export function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
