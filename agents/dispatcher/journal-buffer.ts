import type { Segment } from "./journal-segment.ts";

/** Memory for records that are not on disk yet. Usually one block; more while the disk is slow or unavailable. */
const blockBytes = 256 * 1024;
/** Emptied blocks kept for reuse. */
const sparesMax = 4;

/** Consecutive bytes of one segment. They stay until they are on disk, and every attempt writes them to the same place. */
interface Block {
  readonly segment: Segment;
  /** Where in the file the block begins. */
  readonly position: number;
  readonly memory: Buffer;
  filled: number;
  /** How much of it is on disk. */
  flushed: number;
}

/** A piece to write: `bytes` of memory from `from`, at `position` of the segment's file. */
export interface Part {
  readonly segment: Segment;
  readonly memory: Buffer;
  readonly from: number;
  readonly bytes: number;
  readonly position: number;
}

/** What the journal has accepted and not yet written to disk. */
export class JournalBuffer {
  readonly #blocks: Block[] = [];
  readonly #spares: Buffer[] = [];
  #pendingBytes = 0;
  /** Where `reserve` made its last reservation. */
  memory: Buffer = Buffer.alloc(0);

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Reserves this many bytes at the segment's end. The caller must write them at once, at the returned offset of `memory`. */
  reserve(segment: Segment, bytes: number): number {
    let block = this.#blocks.at(-1);
    if (!block || block.segment !== segment || block.memory.length - block.filled < bytes) {
      const spare = bytes <= blockBytes ? this.#spares.pop() : undefined;
      const memory = spare ?? Buffer.allocUnsafeSlow(Math.max(bytes, blockBytes));
      block = { segment, position: segment.bytes, memory, filled: 0, flushed: 0 };
      this.#blocks.push(block);
    }
    const at = block.filled;
    block.filled += bytes;
    segment.bytes += bytes;
    this.#pendingBytes += bytes;
    this.memory = block.memory;
    return at;
  }

  /** Everything to be written now, in order. */
  parts(): Part[] {
    return this.#blocks.flatMap(({ segment, position, memory, filled, flushed }) => {
      const part = { segment, memory, from: flushed, bytes: filled - flushed, position: position + flushed };
      return part.bytes > 0 ? [part] : [];
    });
  }

  /** These parts are on disk. */
  flushed(parts: readonly Part[]): void {
    for (const part of parts) {
      const block = this.#blocks.find(({ memory }) => memory === part.memory);
      if (block) block.flushed += part.bytes;
      this.#pendingBytes -= part.bytes;
    }
    // The last block is kept: records are appended to it while it has room.
    while (this.#blocks.length > 1 && this.#blocks[0]?.flushed === this.#blocks[0]?.filled) {
      const memory = this.#blocks.shift()?.memory;
      if (memory?.length === blockBytes && this.#spares.length < sparesMax) this.#spares.push(memory);
    }
  }

  /** Whether something of the segment is not on disk. */
  holds(segment: Segment): boolean {
    return this.#blocks.some((block) => block.segment === segment && block.flushed < block.filled);
  }

  /** The bytes of a file from `offset` on, as far as they are in memory; undefined if that offset is not. */
  peek(segment: Segment, offset: number): Buffer | undefined {
    const block = this.#blocks.find(
      (each) => each.segment === segment && each.position <= offset && offset < each.position + each.filled,
    );
    return block?.memory.subarray(offset - block.position, block.filled);
  }
}
