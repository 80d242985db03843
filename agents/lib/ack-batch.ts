/** One basic.ack to send: a delivery tag, alone or with all before it. */
export interface Ack {
  readonly tag: number;
  readonly multiple: boolean;
}

/**
 * Which acks to send for one channel, whose delivery tags are 1, 2, 3, …. Settling is in any order; a flush answers one ack
 * with `multiple` for the settled run at the front and single ones behind a gap. The tag of a `multiple` ack is always one
 * that the broker still holds as unacked: it closes the channel over any other.
 */
export class AckBatch {
  /** Lowest tag that the broker still waits for. */
  #lowest = 1;
  readonly #toAck = new Set<number>();
  /** Settled with the broker already, behind a gap. */
  readonly #settledAhead = new Set<number>();

  /** Marks a delivery as done; true when a flush is needed that was not needed before. */
  ack(tag: number): boolean {
    this.#toAck.add(tag);
    return this.#toAck.size === 1;
  }

  /** A delivery that was given back or dead-lettered by other means than an ack of this batch. */
  settledOtherwise(tag: number): void {
    this.#settledAhead.add(tag);
  }

  flush(): Ack[] {
    let tag = this.#lowest;
    let last = 0;
    for (; ; tag++) {
      if (this.#toAck.delete(tag)) last = tag;
      else if (!this.#settledAhead.delete(tag)) break;
    }
    this.#lowest = tag;
    const acks: Ack[] = last > 0 ? [{ tag: last, multiple: true }] : [];
    for (const single of this.#toAck) {
      acks.push({ tag: single, multiple: false });
      this.#settledAhead.add(single);
    }
    this.#toAck.clear();
    return acks;
  }
}
