import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { writeAtomic } from "../../agents/lib/atomic-file.ts";

/**
 * Replaces a file in the checkout that another run may read or write at the same time, and makes its folder. Not synced: after a crash of the
 * machine the next run makes it again.
 */
export async function writeShared(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeAtomic(file, text, { mode: 0o644, temporary: `${file}.${randomUUID()}`, synced: "nothing" });
}
