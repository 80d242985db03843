/** One basic.ack to send: a delivery tag, alone or with all tags before it. */
export interface Ack {
  readonly tag: number;
  readonly multiple: boolean;
}

/** States of a tag in the ring. */
const waits = 0;
const toAck = 1;
const settled = 2;

/** The ring needs no new memory for this many open tags; it grows beyond that, up to a prefetch of 65,535 and more. */
const ringSizeAtFirst = 1024;

/**
 * Decides which acks to send on one channel, whose delivery tags are 1, 2, 3, …. Deliveries are settled in any order. A flush
 * returns one `multiple` ack for the settled tags at the front; `flushAll` adds single acks for those behind a gap. The tag of a
 * `multiple` ack is always one that the broker still holds as unacked: any other would make it close the channel.
 *
 * Tags are numbers in a ring, not members of a set, because this runs for every message.
 */
export class AckBatch {
  /** Lowest tag that the broker still waits for. */
  #lowest = 1;
  /** Highest settled tag. */
  #highest = 0;
  /** Acks that no flush has returned yet. */
  #waiting = 0;
  #lowestWaiting = Number.POSITIVE_INFINITY;
  /** By tag modulo its size, a power of two. Every slot outside `#lowest` to `#highest` is `waits`. */
  #ring = new Uint8Array(ringSizeAtFirst);

  /** Marks a delivery as done. */
  ack(tag: number): void {
    this.#mark(tag, toAck);
    this.#lowestWaiting = Math.min(this.#lowestWaiting, tag);
    this.#waiting++;
  }

  /** A delivery was requeued or dead-lettered instead of acked by this batch. */
  settledOtherwise(tag: number): void {
    this.#mark(tag, settled);
  }

  /** The lowest tag that no flush has returned an ack for: where the gap is. */
  get front(): number {
    return this.#lowest;
  }

  /** Acks behind a gap, which only `flushAll` returns. */
  get behindGap(): number {
    return this.#waiting;
  }

  flush(): Ack[] {
    const mask = this.#ring.length - 1;
    let tag = this.#lowest;
    let last = 0;
    for (; tag <= this.#highest; tag++) {
      const state = this.#ring[tag & mask];
      if (state === waits) break;
      if (state === toAck) {
        last = tag;
        this.#waiting--;
      }
      this.#ring[tag & mask] = waits;
    }
    this.#lowest = tag;
    return last > 0 ? [{ tag: last, multiple: true }] : [];
  }

  flushAll(): Ack[] {
    const acks = this.flush();
    const mask = this.#ring.length - 1;
    for (let single = Math.max(this.#lowest, this.#lowestWaiting); this.#waiting > 0; single++) {
      if (this.#ring[single & mask] !== toAck) continue;
      this.#ring[single & mask] = settled;
      this.#waiting--;
      acks.push({ tag: single, multiple: false });
    }
    this.#lowestWaiting = Number.POSITIVE_INFINITY;
    return acks;
  }

  #mark(tag: number, state: number): void {
    if (tag - this.#lowest >= this.#ring.length) this.#grow(tag);
    if (tag > this.#highest) this.#highest = tag;
    this.#ring[tag & (this.#ring.length - 1)] = state;
  }

  #grow(tag: number): void {
    let size = this.#ring.length;
    while (tag - this.#lowest >= size) size *= 2;
    const ring = new Uint8Array(size);
    for (let old = this.#lowest; old <= this.#highest; old++) {
      ring[old & (size - 1)] = this.#ring[old & (this.#ring.length - 1)] ?? waits;
    }
    this.#ring = ring;
  }
}
