import { type Marks, markHeaders } from "../lib/headers.ts";
import { JoinedNotices } from "../lib/joined-notices.ts";
import { formatReceipts, type Receipt, receiptsMax } from "../lib/receipts.ts";
import type { Notice, SideNotices } from "../lib/side-notices.ts";
import type { PlacedBefore } from "./placed-journal.ts";

/** A killed process held back a quarter of a second, and what it had placed before its connection for receipts was open: seconds on a busy machine. */
const repeatMs = 5000;

export interface ReceiptsOptions {
  readonly notices: Pick<SideNotices, "send" | "pending" | "drained">;
  /** This puller's. */
  readonly host: string;
  readonly joinMs?: number;
}

/**
 * Reports to dispatchers and auditors that products are in a receiver queue folder. If a report is lost, dispatchers wait longer, and may publish
 * the product again. Receipts that may be joined wait for each other. What waits when the process is killed, the next one repeats.
 */
export class Receipts {
  readonly #options: ReceiptsOptions;
  readonly #joined: JoinedNotices<Receipt>;

  constructor(options: ReceiptsOptions) {
    const { notices, host, joinMs } = options;
    this.#options = options;
    this.#joined = new JoinedNotices({ notices, max: receiptsMax, joinMs, compose: (all) => noticeOf(all, host) });
  }

  /** Messages that the broker does not have yet. */
  get pending(): number {
    return this.#joined.pending;
  }

  /** `mayJoin`: all dispatchers and auditors read joined receipts. */
  send(receipt: Receipt, mayJoin: boolean): void {
    const { notices, host } = this.#options;
    if (mayJoin) this.#joined.add(receipt);
    else notices.send(receiptNotice(receipt, host));
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
  drained(deadline: AbortSignal): Promise<void> {
    return this.#joined.drained(deadline);
  }
}

/** One alone needs no other format. */
function noticeOf(receipts: readonly [Receipt, ...Receipt[]], host: string): Notice {
  const count = receipts.length;
  if (count === 1) return receiptNotice(receipts[0], host);
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
