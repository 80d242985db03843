import { closeSync, openSync, readSync } from "node:fs";

const chunkBytes = 64 * 1024;

/**
 * The bytes of a file that a person names, which may be a pipe.
 * @throws the system's error, or an Error if there are more than `bytesMax`: then the rest is not read
 */
export function readAtMost(file: string, bytesMax: number): Buffer {
  const descriptor = openSync(file, "r");
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for (;;) {
      const chunk = Buffer.allocUnsafe(chunkBytes);
      const count = readSync(descriptor, chunk);
      if (count === 0) return Buffer.concat(chunks, bytes);
      bytes += count;
      if (bytes > bytesMax) throw new Error(`has more than ${bytesMax} bytes`);
      chunks.push(chunk.subarray(0, count));
    }
  } finally {
    closeSync(descriptor);
  }
}
