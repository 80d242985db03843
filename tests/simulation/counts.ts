/** Events that are allowed, and counted by name. */
export class Counts {
  schedules = 0;
  arrivals = 0;
  receipts = 0;
  requests = 0;
  twinsOut = 0;
  deadLetters = 0;
  /** Publishes marked as unconfirmed. */
  doubts = 0;
  /** Published twice: held as unconfirmed, and no receipt had reached the host. */
  twiceInDoubt = 0;
  /** Published twice, though marked: a crash left the first in the pull queue and not in the second publisher's ledger. */
  twiceUnseen = 0;
  /** The same, unmarked, because the second one was no redelivery. */
  twiceUnmarked = 0;
  /** Published twice: one queue refused the first, others had accepted it. */
  twiceRefused = 0;
  /** Messages that only the losing side of a partitioned pair had. */
  discarded = 0;
  /** Announced again after the loss of a connection. */
  announcedAgain = 0;
  /** Published twice: by the losing side, whose records are lost, or by both sides during a partition. */
  twiceParted = 0;
  /** Products that no server has any more: dead-lettered with both reasons. */
  deadTwins = 0;

  add(other: Counts): void {
    const names = Object.keys(this) as (keyof Counts)[];
    for (const name of names) {
      const value = other[name];
      if (typeof value === "number") (this as Record<string, unknown>)[name] = Number(this[name]) + value;
    }
  }
}
