import { createHash } from "node:crypto";
import type { Marks } from "../lib/headers.ts";
import type { PublishOutcome } from "../lib/publisher.ts";
import { DispatcherCore } from "./core.ts";
import type { CoreOptions } from "./core-options.ts";
import { DedupTable } from "./dedup-table.ts";
import type { Effect, Event, Incoming, LedgerRecord } from "./events.ts";

export const windowMs = 7_200_000;
/** Any time but zero. */
export const startMs = 1_500_000_000_000;

const coreOptions: CoreOptions = {
  inputTopic: "v00.urp.input",
  notifyTopic: "v00.urp.notify",
  notifyKey: "path",
  alternateTopic: "v00.urp.alternate",
  twinTopic: "v00.urp.twin",
  entriesMax: 1000,
  retry: { minMs: 100, maxMs: 1000 },
  receipts: true,
  doubtMs: 30_000,
  doubtMaxMs: 1_200_000,
  doubtsMax: 50,
  publishingMax: 100,
  giveUpMs: 1000,
  confirmTimeoutMs: 10_000,
  deliveryGapMs: 600_000,
  alternatesWaitingMax: 3,
  alternateWaitMs: 600_000,
  standbyServeDelayMs: 1000,
};

export function keyOf(product: number): string {
  return createHash("md5").update(`product ${product}`).digest("hex");
}

interface Sent {
  readonly source?: string;
  readonly redelivered?: boolean;
  readonly again?: boolean;
  readonly sizeBytes?: number;
}

/** A core with a table, for tests, with methods named as the tests need them. */
export class CoreFixture {
  readonly table: DedupTable;
  readonly core: DispatcherCore;
  nowMs = startMs;
  #nextDelivery = 1;

  constructor(own: Partial<CoreOptions> = {}, known: readonly number[] = []) {
    const options = { ...coreOptions, ...own };
    this.table = new DedupTable({ windowMs, entriesMax: options.entriesMax });
    for (const product of known) this.table.add(keyOf(product), startMs, "urp-1", 498_081, true);
    this.core = new DispatcherCore(options, { table: this.table, instance: "me", random: () => 1 });
  }

  /** A core that holds the address and has caught up; product 0 has been dispatched. */
  static working(own: Partial<CoreOptions> = {}): CoreFixture {
    const fixture = new CoreFixture(own);
    fixture.handle({ type: "held" });
    const [marker] = fixture.deliver(0);
    if (marker?.type !== "marker") throw new Error("no marker before the first decision");
    fixture.handle({ type: "outcome", claim: marker.claim, outcome: "confirmed" });
    fixture.settle("confirmed", fixture.ledger({ kind: "marker", token: marker.token }));
    return fixture;
  }

  handle(event: Event): Effect[] {
    return this.core.handle(event, this.nowMs);
  }

  tickAfter(ms: number): Effect[] {
    this.nowMs += ms;
    return this.handle({ type: "tick" });
  }

  announcement(
    product: number,
    { source = "urp-1", redelivered = false, again = false, sizeBytes = 498_081 }: Sent = {},
  ): Incoming {
    const body = Buffer.from(`${keyOf(product)} ${sizeBytes} http://${source}/ db/RADAR/product-${product}`);
    const marks: Marks = again ? { again: true } : {};
    return { id: this.#nextDelivery++, routingKey: "v00.urp.input.RADAR", body, headers: {}, marks, redelivered };
  }

  /** The delivery's number in `ack` and the like is the count of deliveries and requests so far. */
  deliver(product: number, sent: Sent = {}): Effect[] {
    return this.handle({ type: "delivery", delivery: this.announcement(product, sent) });
  }

  /** A puller's request: this source's announcement of the product can't be fetched. */
  request(product: number, sent: Sent = {}): Effect[] {
    const announcement = this.announcement(product, sent);
    const delivery = { ...announcement, routingKey: "v00.urp.alternate.RADAR", marks: { reason: "404" } };
    return this.handle({ type: "delivery", delivery });
  }

  /** Settles the publish (or marker, or alternate) among these effects. */
  settle(outcome: PublishOutcome, effects: readonly Effect[]): Effect[] {
    return this.handle({ type: "outcome", claim: claimIn(effects), outcome });
  }

  ledger(record: LedgerRecord): Effect[] {
    return this.handle({ type: "ledger", record });
  }

  published(product: number, { ours = false, atMs = this.nowMs, source = "urp-1" } = {}): Effect[] {
    return this.ledger({ kind: "published", key: keyOf(product), atMs, source, sizeBytes: 498_081, ours });
  }

  pulled(product: number, atMs: number | undefined = this.nowMs): Effect[] {
    return this.ledger({ kind: "pulled", key: keyOf(product), atMs });
  }

  /** Returns the token of the marker among these effects. */
  returnMarker(effects: readonly Effect[]): Effect[] {
    const marker = effects.find((effect) => effect.type === "marker");
    if (!marker) throw new Error(`no marker in ${types(effects).join(", ")}`);
    return this.ledger({ kind: "marker", token: marker.token });
  }
}

export function types(effects: readonly Effect[]): string[] {
  return effects.map((effect) => effect.type);
}

/** `ack 1`, `publish`: each action and its delivery. */
export function actions(effects: readonly Effect[]): string[] {
  const silent = ["won", "twin", "doubt", "doubt-settled", "publish-failed"];
  return effects
    .filter((effect) => !silent.includes(effect.type))
    .map((effect) => {
      if (effect.type === "ack" || effect.type === "requeue" || effect.type === "dead-letter") {
        return `${effect.type} ${effect.delivery}`;
      }
      const incoming = "delivery" in effect ? ` ${effect.delivery.id}` : "";
      return effect.type + incoming;
    });
}

/** The id of the publish among these effects. */
function claimIn(effects: readonly Effect[]): number {
  const effect = effects.findLast((each) => "claim" in each);
  if (!effect || !("claim" in effect)) throw new Error(`no publish in ${types(effects).join(", ")}`);
  return effect.claim;
}
