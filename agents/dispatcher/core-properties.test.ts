import fc from "fast-check";
import { expect, test } from "vitest";
import type { PublishOutcome } from "../lib/publisher.ts";
import { CoreFixture, keyOf } from "./core-fixture.ts";
import type { Effect, Event, Incoming, LedgerRecord } from "./events.ts";

interface Message {
  readonly product: number;
  readonly source: string;
  redelivered: boolean;
}

type Publish = Extract<Effect, { type: "publish" }>;

/**
 * A broker, a ledger and a puller around one core, driven by random numbers; it checks what must hold at every step. Not proven
 * here: several hosts, and a broker that loses part of a publish. The simulation covers those.
 */
class World {
  readonly at = new CoreFixture({ publishingMax: 5, alternatesWaitingMax: 2, deliveryGapMs: 3000 });
  readonly queue: Message[] = [];
  readonly unacked = new Map<number, Message>();
  readonly publishing = new Map<number, Publish>();
  readonly markers = new Map<number, string>();
  readonly ledger: LedgerRecord[] = [];
  readonly timesOut = new Map<number, number>();
  readonly remembered = new Set<string>();
  subscribed = false;
  #nextDelivery = 1;

  step(event: Event): void {
    for (const effect of this.at.handle(event)) this.#apply(effect);
    if (!this.subscribed && this.unacked.size > 0) throw new Error("unacked deliveries without a subscription");
  }

  deliver(): void {
    const message = this.subscribed ? this.queue.shift() : undefined;
    if (!message) return;
    const delivery: Incoming = { ...this.at.announcement(message.product, message), id: this.#nextDelivery++ };
    this.unacked.set(delivery.id, message);
    this.step({ type: "delivery", delivery });
  }

  readLedger(): void {
    const record = this.ledger.shift();
    if (!record) return;
    this.step({ type: "ledger", record });
    if (record.kind === "published" && !this.remembered.has(record.key))
      throw new Error("published, and not remembered");
  }

  pull(choice: number): void {
    const out = [...this.timesOut.keys()];
    const product = out[choice % Math.max(1, out.length)];
    if (product !== undefined) this.ledger.push({ kind: "pulled", key: keyOf(product), atMs: this.at.nowMs });
  }

  /** Settles one publish or marker in flight. It got through or not, whatever outcome is reported. */
  settle(choice: number, outcome: PublishOutcome, getsThrough: boolean): void {
    const claims = [...this.publishing.keys(), ...this.markers.keys()];
    const claim = claims[choice % Math.max(1, claims.length)];
    if (claim === undefined) return;
    const token = this.markers.get(claim);
    if (token !== undefined && getsThrough) this.ledger.push({ kind: "marker", token });
    const publish = this.publishing.get(claim);
    if (publish && getsThrough) this.#route(publish);
    this.markers.delete(claim);
    this.publishing.delete(claim);
    this.step({ type: "outcome", claim, outcome });
  }

  /** Requeues all unacked deliveries. Each publish in flight got through or did not, and no outcome is reported. */
  loseConnection(choice: number): void {
    const isReported = choice % 2 === 0;
    if (isReported) this.#loseDeliveries();
    for (let bit = choice; this.publishing.size + this.markers.size > 0; bit = Math.imul(bit, 48271)) {
      this.settle(0, "lost", (bit & 4) === 0);
    }
    if (!isReported) this.#loseDeliveries();
  }

  /** From any state: broker, ledger and puller work until nothing is left. */
  finish(): void {
    this.step({ type: "held" });
    for (let round = 0; round < 3000 && !this.#isQuiet; round++) {
      this.deliver();
      this.settle(0, "confirmed", true);
      this.readLedger();
      if (round % 7 === 0) this.pull(round);
      this.at.nowMs += 100;
      this.step({ type: "tick" });
    }
  }

  #loseDeliveries(): void {
    for (const message of this.unacked.values()) this.queue.push({ ...message, redelivered: true });
    this.unacked.clear();
    this.step({ type: "deliveries-lost" });
  }

  get #isQuiet(): boolean {
    return this.queue.length + this.unacked.size + this.publishing.size === 0 && this.at.core.inFlight === 0;
  }

  #route({ delivery, firstAtMs }: Publish): void {
    const [key = "", size] = delivery.body.toString().split(" ");
    const product = Number(/product-(\d+)$/.exec(delivery.body.toString())?.[1]);
    this.timesOut.set(product, (this.timesOut.get(product) ?? 0) + 1);
    const atMs = Math.ceil(firstAtMs / 1000) * 1000;
    this.ledger.push({ kind: "published", key, atMs, source: "urp-1", sizeBytes: Number(size), ours: true });
  }

  #apply(effect: Effect): void {
    if (effect.type === "subscribe") this.subscribed = true;
    if (effect.type === "cancel") this.subscribed = false;
    if (effect.type === "marker") this.markers.set(effect.claim, effect.token);
    if (effect.type === "remember") this.remembered.add(effect.key);
    if (effect.type === "publish") {
      const key = keyIn(effect.delivery);
      for (const { delivery } of this.publishing.values()) {
        if (keyIn(delivery) === key) throw new Error("a product is in flight twice");
      }
      this.publishing.set(effect.claim, effect);
    }
    if (effect.type !== "ack" && effect.type !== "requeue" && effect.type !== "keep-twin") return;
    const id = effect.type === "keep-twin" ? effect.delivery.id : effect.delivery;
    const message = this.unacked.get(id);
    if (!message) throw new Error(`delivery ${id} is settled, but is not ours`);
    this.unacked.delete(id);
    if (effect.type === "requeue") this.queue.unshift({ ...message, redelivered: true });
    else if (!this.timesOut.has(message.product)) throw new Error("acked before it was published");
  }
}

function keyIn({ body }: Incoming): string {
  return body.toString("latin1", 0, 32);
}

const choice = fc.nat({ max: 1_000_000 });
const announced = fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 40 });
const truthful = ["deliver", "confirm", "return", "ledger", "pull", "tick", "held", "gone", "lose-settled"] as const;
const steps = <K extends string>(...kinds: K[]) =>
  fc.array(fc.record({ kind: fc.constantFrom(...kinds), choice }), { maxLength: 200 });

function play(world: World, plan: readonly { kind: string; choice: number }[]): void {
  for (const { kind, choice } of plan) {
    if (kind === "deliver") world.deliver();
    if (kind === "confirm") world.settle(choice, "confirmed", true);
    if (kind === "return") world.settle(choice, "returned", false);
    if (kind === "nack") world.settle(choice, "nacked", false);
    if (kind === "ledger") world.readLedger();
    if (kind === "pull") world.pull(choice);
    if (kind === "lose") world.loseConnection(choice);
    if (kind === "lose-settled" && world.publishing.size === 0) world.loseConnection(choice);
    if (kind === "held" || kind === "gone" || kind === "tick") world.step({ type: kind });
    world.at.nowMs += choice % 200;
  }
}

function worldWith(products: readonly number[]): World {
  const world = new World();
  for (const product of products) {
    for (const source of ["urp-1", "urp-2"]) world.queue.push({ product, source, redelivered: false });
  }
  world.step({ type: "held" });
  return world;
}

function expectAllSettled(world: World, products: readonly number[]): void {
  const { core } = world.at;
  expect(new Set(world.timesOut.keys())).toEqual(new Set(products));
  expect([world.queue.length, world.unacked.size, core.inFlight, core.keptAside, core.unconfirmed]).toEqual([
    0, 0, 0, 0, 0,
  ]);
}

test("property: in any order of events nothing is lost and every accepted delivery is settled", () => {
  fc.assert(
    fc.property(announced, steps("lose", "nack", ...truthful), (products, plan) => {
      const world = worldWith(products);
      play(world, plan);
      world.finish();
      expectAllSettled(world, products);
    }),
    { numRuns: 400 },
  );
});

test("property: while every publish's outcome is reported truthfully, no product is published twice", () => {
  fc.assert(
    fc.property(announced, steps(...truthful), (products, plan) => {
      const world = worldWith(products);
      play(world, plan);
      world.finish();
      expectAllSettled(world, products);
      expect([...world.timesOut.values()].every((times) => times === 1)).toBe(true);
    }),
    { numRuns: 400 },
  );
});

test("property: publishes without a reported outcome, but shown by the ledger, are not repeated either", () => {
  fc.assert(
    fc.property(announced, steps("lose", ...truthful), (products, plan) => {
      const world = worldWith(products);
      play(world, plan);
      world.finish();
      expect([...world.timesOut.values()].every((times) => times === 1)).toBe(true);
    }),
    { numRuns: 400 },
  );
});
