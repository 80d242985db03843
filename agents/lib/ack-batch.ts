/** One basic.ack to send: a delivery tag, alone or with all before it. */
export interface Ack {
  readonly tag: number;
  readonly multiple: boolean;
}

/** What a tag's place in the ring says. */
const waits = 0;
const toAck = 1;
const settled = 2;

/** Tags open at once for which no memory has to be taken anew; the ring grows beyond, up to a prefetch of 65,535 and more. */
const ringSizeAtFirst = 1024;

/**
 * Which acks to send for one channel, whose delivery tags are 1, 2, 3, …. Settling is in any order; a flush answers one ack
 * with `multiple` for the settled run at the front, `flushAll` single ones behind a gap, too. The tag of a `multiple` ack is always one
 * that the broker still holds as unacked: it closes the channel over any other.
 *
 * Tags are numbers in a ring, not members of a set: this runs for every message.
 */
export class AckBatch {
  /** Lowest tag that the broker still waits for. */
  #lowest = 1;
  /** Highest tag that was settled by anything. */
  #highest = 0;
  /** Acks that no flush has answered yet. */
  #waiting = 0;
  #lowestWaiting = Number.POSITIVE_INFINITY;
  /** By tag modulo its size, a power of two; every place outside `#lowest` to `#highest` is `waits`. */
  #ring = new Uint8Array(ringSizeAtFirst);

  /** Marks a delivery as done. */
  ack(tag: number): void {
    this.#mark(tag, toAck);
    this.#lowestWaiting = Math.min(this.#lowestWaiting, tag);
    this.#waiting++;
  }

  /** A delivery that was given back or dead-lettered by other means than an ack of this batch. */
  settledOtherwise(tag: number): void {
    this.#mark(tag, settled);
  }

  /** The lowest tag that no flush has answered an ack for: where the gap is. */
  get front(): number {
    return this.#lowest;
  }

  /** Acks behind a gap, that only `flushAll` answers. */
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
