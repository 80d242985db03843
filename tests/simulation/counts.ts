/** What happened that is not forbidden, but has a name. */
export class Counts {
  schedules = 0;
  arrivals = 0;
  receipts = 0;
  requests = 0;
  twinsOut = 0;
  deadLetters = 0;
  /** Publishes marked as made in doubt. */
  doubts = 0;
  /** Published twice: held in doubt, and no receipt had reached the host. */
  twiceInDoubt = 0;
  /** Published twice, though marked: the first, cut off by a death, is in the pull queue and not in the ledger of who published again. */
  twiceUnseen = 0;
  /** The same, unmarked: it was no redelivery that was published again. */
  twiceUnmarked = 0;
  /** Published twice: a queue refused the first, which others had taken. */
  twiceRefused = 0;
  /** Messages that only the losing side of a parted pair had. */
  thrownAway = 0;
  /** Announced once more after the loss of a connection. */
  announcedAgain = 0;
  /** Published twice: by the losing side, which nobody remembers, or beside it, while neither side saw the other. */
  twiceParted = 0;
  /** Products that no server can give any more: put aside with both reasons. */
  putAside = 0;

  add(other: Counts): void {
    const names = Object.keys(this) as (keyof Counts)[];
    for (const name of names) {
      const value = other[name];
      if (typeof value === "number") (this as Record<string, unknown>)[name] = Number(this[name]) + value;
    }
  }
}
