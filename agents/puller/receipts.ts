import type { BrokerSession } from "../lib/broker-session.ts";

export type ReceiptOutcome = "confirmed" | "returned" | "nacked" | "lost" | "skipped";

export interface ReceiptsOptions {
  readonly session: Pick<BrokerSession, "publish" | "state" | "isWritable">;
  readonly exchange: string;
  readonly topic: string;
  readonly onOutcome: (outcome: ReceiptOutcome) => void;
}

/** What a receipt is about. */
export interface Receipt {
  readonly key: string;
  /** Of the announcement that was pulled: the product's first arrival, in whole seconds since 1970. */
  readonly timestampSeconds: number | undefined;
}

/**
 * Tells the dispatchers that a product is in a receiver queue folder. Sent and not waited for: a product's ack must not
 * depend on it. One that is lost is made up for by the dispatcher's doubt rule, which then waits longer, or sends the product
 * once more. While the broker takes no messages none is sent: they would pile up here for the length of the alarm.
 */
export class Receipts {
  readonly #options: ReceiptsOptions;

  constructor(options: ReceiptsOptions) {
    this.#options = options;
  }

  send({ key, timestampSeconds }: Receipt): void {
    const { session, exchange, topic, onOutcome } = this.#options;
    if (session.state !== "ready" || !session.isWritable) {
      onOutcome("skipped");
      return;
    }
    // Without a dispatcher there is no ledger queue, and nobody to miss it: not mandatory.
    const options = {
      mandatory: false,
      contentType: "text/plain",
      ...(timestampSeconds === undefined ? {} : { timestampSeconds }),
    };
    session.publish(exchange, topic, Buffer.from(key), options).then(onOutcome, () => onOutcome("lost"));
  }
}
