import { type Marks, markHeaders } from "../lib/headers.ts";
import { formatReceipts, type Receipt, receiptsMax } from "../lib/receipts.ts";
import type { Notice, SideNotices } from "../lib/side-notices.ts";
import type { PlacedBefore } from "./placed-journal.ts";

/** At ten products a second, three receipts are one message. Dispatchers and auditors wait for seconds before they miss one. */
const joinMs = 250;
/** A killed process held back `joinMs`, and what it had placed before its connection for receipts was open: seconds on a busy machine. */
const repeatMs = 5000;

export interface ReceiptsOptions {
  readonly notices: Pick<SideNotices, "send" | "pending" | "drained">;
  /** This puller's. */
  readonly host: string;
  readonly joinMs?: number;
}

/**
 * Reports to dispatchers and auditors that products are in a receiver queue folder. If a report is lost, dispatchers wait longer, and may publish
 * the product again. Receipts that may be joined wait for each other, up to `joinMs`. What waits when the process is killed, the next one repeats.
 */
export class Receipts {
  readonly #options: ReceiptsOptions;
  #joined: Receipt[] = [];
  #flushes: NodeJS.Timeout | undefined;

  constructor(options: ReceiptsOptions) {
    this.#options = options;
  }

  /** Messages that the broker does not have yet. */
  get pending(): number {
    return this.#options.notices.pending + (this.#joined.length > 0 ? 1 : 0);
  }

  /** `mayJoin`: all dispatchers and auditors read joined receipts. */
  send(receipt: Receipt, mayJoin: boolean): void {
    if (!mayJoin) {
      this.#options.notices.send(receiptNotice(receipt, this.#options.host));
      return;
    }
    this.#joined.push(receipt);
    if (this.#joined.length >= receiptsMax) this.#flush();
    else this.#flushes ??= setTimeout(() => this.#flush(), this.#options.joinMs ?? joinMs);
  }

  /** Reports once more what the process before placed last: a kill may have ended it before its last receipts were sent. */
  repeat(before: readonly PlacedBefore[]): void {
    const ages = before.map(({ ageMs }) => ageMs).filter(Number.isFinite);
    const fromMs = Math.min(...ages) + repeatMs;
    for (const { about, ageMs } of before) {
      if (ageMs <= fromMs && Number.isFinite(ageMs) && about.kind !== "foreign")
        this.send({ key: about.key, timestampSeconds: about.firstArrivalSeconds }, false);
    }
  }

  /** Resolves once the broker has all of them, it can't be reached, or `deadline` aborts. */
  async drained(deadline: AbortSignal): Promise<void> {
    this.#flush();
    await this.#options.notices.drained(deadline);
  }

  #flush(): void {
    clearTimeout(this.#flushes);
    this.#flushes = undefined;
    const joined = this.#joined;
    this.#joined = [];
    const [only] = joined;
    if (!only) return;
    const { notices, host } = this.#options;
    notices.send(joined.length === 1 ? receiptNotice(only, host) : joinedNotice(joined, host));
  }
}

function joinedNotice(receipts: readonly Receipt[], host: string): Notice {
  const count = receipts.length;
  return { body: formatReceipts(receipts), contentType: "text/plain", headers: markHeaders({ host }), count };
}

/** One receipt: the product's key, and the rest in marks. */
export function receiptNotice({ key, timestampSeconds, placedMs, closedMs }: Receipt, host: string): Notice {
  const done: Marks = placedMs === undefined ? { before: true } : { placedMs };
  return {
    body: Buffer.from(key),
    contentType: "text/plain",
    headers: markHeaders({ ...done, host, ...(closedMs === undefined ? {} : { closedMs }) }),
    ...(timestampSeconds === undefined ? {} : { timestampSeconds }),
  };
}
