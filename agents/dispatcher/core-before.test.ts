import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { PublishOutcome } from "../lib/publisher.ts";
import { DispatcherCore } from "./core-before.ts";
import type { Effect, Incoming } from "./events.ts";

const windowMs = 7_200_000;
const options = {
  inputTopic: "v00.urp.input",
  notifyTopic: "v00.urp.notify",
  dedupWindowMs: windowMs,
  entriesMax: 1000,
  retry: { minMs: 100, maxMs: 1000 },
};

function core(own: Partial<typeof options> = {}): DispatcherCore {
  return new DispatcherCore({ ...options, ...own }, () => 1);
}

const keyOf = (product: number): string => createHash("md5").update(`product ${product}`).digest("hex");

function announcement(id: number, product: number, source = "urp-1"): Incoming {
  const body = Buffer.from(`${keyOf(product)} 498081 http://${source}/ db/RADAR/product-${product}`);
  return { id, routingKey: "v00.urp.input.RADAR", body, redelivered: false };
}

const deliver = (delivery: Incoming) => ({ type: "delivery", delivery }) as const;
const outcomeOf = (claim: number, outcome: PublishOutcome) => ({ type: "outcome", claim, outcome }) as const;
const types = (effects: readonly Effect[]): string[] => effects.map((effect) => effect.type);

/** The id under which the core asked for a publish. */
function claimIn(effects: readonly Effect[]): number {
  const publish = effects.find((effect) => effect.type === "publish");
  if (!publish) throw new Error(`no publish in ${types(effects).join(", ")}`);
  return publish.claim;
}

test("the first announcement of a product is published under the notify topic and acked only when confirmed", () => {
  const dispatcher = core();
  expect(dispatcher.handle({ type: "held" }, 0)).toEqual([{ type: "subscribe" }]);
  const first = announcement(1, 1);
  const effects = dispatcher.handle(deliver(first), 0);
  expect(effects).toEqual([
    { type: "publish", claim: 1, routingKey: "v00.urp.notify.RADAR", delivery: first, firstAtMs: 0, doubt: false },
  ]);
  expect(dispatcher.handle(outcomeOf(1, "confirmed"), 5)).toEqual([
    { type: "won", source: "urp-1", tookMs: 5 },
    { type: "ack", delivery: 1 },
  ]);
});

test("a twin that comes while the first is in flight waits, and is acked with it", () => {
  const dispatcher = core();
  dispatcher.handle({ type: "held" }, 0);
  const claim = claimIn(dispatcher.handle(deliver(announcement(1, 1, "urp-1")), 0));
  expect(dispatcher.handle(deliver(announcement(2, 1, "urp-2")), 3)).toEqual([]);
  expect(dispatcher.handle(outcomeOf(claim, "confirmed"), 9)).toEqual([
    { type: "won", source: "urp-1", tookMs: 9 },
    { type: "ack", delivery: 1 },
    { type: "twin", source: "urp-2", firstSource: "urp-1", leadMs: 3, sizeDiffers: false },
    { type: "ack", delivery: 2 },
  ]);
});

test("a twin within the window is acked and counted; after the window, counted from the first arrival, it goes out", () => {
  const dispatcher = core();
  dispatcher.handle({ type: "held" }, 0);
  dispatcher.handle(outcomeOf(claimIn(dispatcher.handle(deliver(announcement(1, 1)), 0)), "confirmed"), 1);
  const twin = { type: "twin", source: "urp-2", firstSource: "urp-1", sizeDiffers: false };
  expect(dispatcher.handle(deliver(announcement(2, 1, "urp-2")), windowMs - 1)).toEqual([
    { ...twin, leadMs: windowMs - 1 },
    { type: "ack", delivery: 2 },
  ]);
  expect(types(dispatcher.handle(deliver(announcement(3, 1, "urp-2")), windowMs))).toEqual(["publish"]);
});

test("a publish that was returned is tried again after a pause, which grows", () => {
  const dispatcher = core();
  dispatcher.handle({ type: "held" }, 0);
  const claim = claimIn(dispatcher.handle(deliver(announcement(1, 1)), 0));
  expect(types(dispatcher.handle(outcomeOf(claim, "returned"), 0))).toEqual(["publish-failed"]);
  expect(dispatcher.handle({ type: "tick" }, 99)).toEqual([]);
  const second = claimIn(dispatcher.handle({ type: "tick" }, 100));
  dispatcher.handle(outcomeOf(second, "returned"), 100);
  expect(dispatcher.handle({ type: "tick" }, 299)).toEqual([]);
  const third = claimIn(dispatcher.handle({ type: "tick" }, 300));
  expect(types(dispatcher.handle(outcomeOf(third, "confirmed"), 301))).toEqual(["won", "ack"]);
});

test("when the channel goes while a publish is in flight and the publish was confirmed, the redelivery is a twin", () => {
  const dispatcher = core();
  dispatcher.handle({ type: "held" }, 0);
  const claim = claimIn(dispatcher.handle(deliver(announcement(1, 1)), 0));
  dispatcher.handle({ type: "deliveries-lost" }, 1);
  expect(dispatcher.handle(deliver(announcement(2, 1)), 2)).toEqual([]);
  expect(dispatcher.handle(outcomeOf(claim, "confirmed"), 3).filter((effect) => effect.type === "ack")).toEqual([
    { type: "ack", delivery: 2 },
  ]);
});

test("when the channel goes and the publish is lost with it, a redelivery that waits takes over", () => {
  const dispatcher = core();
  dispatcher.handle({ type: "held" }, 0);
  const claim = claimIn(dispatcher.handle(deliver(announcement(1, 1)), 0));
  dispatcher.handle({ type: "deliveries-lost" }, 1);
  dispatcher.handle(deliver(announcement(2, 1)), 2);
  expect(types(dispatcher.handle(outcomeOf(claim, "lost"), 3))).toEqual(["publish-failed"]);
  const heir = dispatcher.handle({ type: "tick" }, 1000);
  expect(heir).toMatchObject([{ type: "publish", delivery: { id: 2 } }]);
});

test("when the address leaves, what is in flight is still acked on confirm, and what comes late is given back", () => {
  const dispatcher = core();
  dispatcher.handle({ type: "held" }, 0);
  const claim = claimIn(dispatcher.handle(deliver(announcement(1, 1)), 0));
  expect(dispatcher.handle({ type: "gone" }, 1)).toEqual([{ type: "cancel" }]);
  expect(dispatcher.handle(deliver(announcement(2, 2)), 2)).toEqual([{ type: "requeue", delivery: 2 }]);
  expect(types(dispatcher.handle(outcomeOf(claim, "confirmed"), 3))).toEqual(["won", "ack"]);
  expect(dispatcher.inFlight).toBe(0);
});

test("when the address leaves, a product whose publish failed is given back with its twins", () => {
  const dispatcher = core();
  dispatcher.handle({ type: "held" }, 0);
  const claim = claimIn(dispatcher.handle(deliver(announcement(1, 1)), 0));
  dispatcher.handle(deliver(announcement(2, 1, "urp-2")), 0);
  dispatcher.handle({ type: "gone" }, 1);
  expect(dispatcher.handle(outcomeOf(claim, "nacked"), 2).slice(1)).toEqual([
    { type: "requeue", delivery: 1 },
    { type: "requeue", delivery: 2 },
  ]);
});

test("when the address leaves and then the connection, nothing is given back that is no longer ours", () => {
  const dispatcher = core();
  dispatcher.handle({ type: "held" }, 0);
  const claim = claimIn(dispatcher.handle(deliver(announcement(1, 1)), 0));
  dispatcher.handle({ type: "gone" }, 1);
  expect(types(dispatcher.handle(outcomeOf(claim, "lost"), 2))).toEqual(["publish-failed"]);
  expect(dispatcher.handle({ type: "deliveries-lost" }, 3)).toEqual([]);
  expect(dispatcher.inFlight).toBe(0);
});

test("at entriesMax it stops taking, forgets nothing, and goes on when the window has passed", () => {
  const dispatcher = core({ entriesMax: 2 });
  dispatcher.handle({ type: "held" }, 0);
  for (const product of [1, 2]) {
    dispatcher.handle(
      outcomeOf(claimIn(dispatcher.handle(deliver(announcement(product, product)), 0)), "confirmed"),
      0,
    );
  }
  const full = dispatcher.handle(deliver(announcement(3, 3)), 1);
  expect(full).toEqual([{ type: "full", entries: 2 }, { type: "cancel" }, { type: "requeue", delivery: 3 }]);
  expect(dispatcher.state).toBe("full");
  expect(dispatcher.handle({ type: "tick" }, windowMs - 1)).toEqual([]);
  expect(dispatcher.handle({ type: "tick" }, windowMs * 1.1)).toEqual([{ type: "subscribe" }]);
  expect(dispatcher.entries).toBe(0);
});

test("what is no announcement is put aside with the reason", () => {
  const dispatcher = core();
  dispatcher.handle({ type: "held" }, 0);
  const garbage = { id: 1, routingKey: "v00.urp.input.RADAR", body: Buffer.from("garbage"), redelivered: false };
  expect(dispatcher.handle(deliver(garbage), 0)).toMatchObject([{ type: "dead-letter", delivery: 1 }]);
  const foreign = { ...announcement(2, 1), routingKey: "v00.dd.notify" };
  expect(dispatcher.handle(deliver(foreign), 0)).toMatchObject([
    { type: "dead-letter", delivery: 2, reason: "routing key does not start with v00.urp.input: v00.dd.notify" },
  ]);
});

/** A broker around the core, driven by random numbers, that checks what must hold at every step. */
class World {
  readonly dispatcher = core();
  nowMs = 0;
  /** Waiting in the input queue, as product and source. */
  readonly queue: { product: number; source: string }[] = [];
  readonly unacked = new Map<number, { product: number; source: string }>();
  readonly publishing = new Map<number, number>();
  readonly timesOut = new Map<number, number>();
  #nextDelivery = 1;
  subscribed = false;

  step(event: Parameters<DispatcherCore["handle"]>[0]): void {
    for (const effect of this.dispatcher.handle(event, this.nowMs)) this.#apply(effect);
  }

  deliver(): void {
    const message = this.subscribed ? this.queue.shift() : undefined;
    if (!message) return;
    const id = this.#nextDelivery++;
    this.unacked.set(id, message);
    this.step(deliver(announcement(id, message.product, message.source)));
  }

  settle(choice: number, outcome: PublishOutcome, reachesBroker: boolean): void {
    const claims = [...this.publishing.keys()];
    const claim = claims[choice % Math.max(1, claims.length)];
    if (claim === undefined) return;
    const product = this.publishing.get(claim) ?? -1;
    this.publishing.delete(claim);
    if (reachesBroker) this.timesOut.set(product, (this.timesOut.get(product) ?? 0) + 1);
    this.step(outcomeOf(claim, outcome));
  }

  /** The consuming channel alone goes: the publishes in flight still get their true answers. */
  loseDeliveries(): void {
    for (const message of this.unacked.values()) this.queue.push(message);
    this.unacked.clear();
    this.step({ type: "deliveries-lost" });
  }

  /** Everything in hand goes back to the queue; each publish in flight got through or did not, and nobody says so. */
  loseConnection(choice: number): void {
    for (const message of this.unacked.values()) this.queue.push(message);
    this.unacked.clear();
    const tellFirst = choice % 2 === 0;
    if (tellFirst) this.step({ type: "deliveries-lost" });
    for (let bit = choice; this.publishing.size > 0; bit = Math.imul(bit, 48271))
      this.settle(0, "lost", (bit & 4) === 0);
    if (!tellFirst) this.step({ type: "deliveries-lost" });
  }

  /** From wherever it is: the broker answers everything well until nothing is left. */
  finish(): void {
    this.step({ type: "held" });
    for (let round = 0; round < 5000 && (this.queue.length > 0 || this.dispatcher.inFlight > 0); round++) {
      this.deliver();
      this.settle(0, "confirmed", true);
      this.nowMs += 100;
      this.step({ type: "tick" });
    }
  }

  #apply(effect: Effect): void {
    if (effect.type === "subscribe" || effect.type === "cancel") this.subscribed = effect.type === "subscribe";
    if (effect.type === "publish") {
      const product = Number(/product-(\d+)$/.exec(effect.delivery.body.toString())?.[1]);
      expect([...this.publishing.values()], "a product is in flight twice").not.toContain(product);
      this.publishing.set(effect.claim, product);
    }
    if (effect.type !== "ack" && effect.type !== "requeue") return;
    const message = this.unacked.get(effect.delivery);
    if (!message) throw new Error(`delivery ${effect.delivery} is settled, and is not ours`);
    this.unacked.delete(effect.delivery);
    if (effect.type === "requeue") this.queue.unshift(message);
    else expect(this.timesOut.get(message.product), "acked before it was out").toBeGreaterThan(0);
  }
}

const choice = fc.nat({ max: 1_000_000 });
const announced = fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 40 });
const faults = ["deliver", "confirm", "return", "nack", "tick", "held", "gone", "drop"] as const;
const step = <K extends string>(...kinds: K[]) => fc.record({ kind: fc.constantFrom(...kinds), choice });

function play(world: World, steps: readonly { kind: string; choice: number }[]): void {
  for (const { kind, choice } of steps) {
    if (kind === "deliver") world.deliver();
    if (kind === "confirm") world.settle(choice, "confirmed", true);
    if (kind === "return") world.settle(choice, "returned", false);
    if (kind === "nack") world.settle(choice, "nacked", false);
    if (kind === "drop") world.loseDeliveries();
    if (kind === "lose") world.loseConnection(choice);
    if (kind === "held" || kind === "gone" || kind === "tick") world.step({ type: kind });
    world.nowMs += choice % 200;
  }
}

function worldWith(products: readonly number[]): World {
  const world = new World();
  for (const product of products) for (const source of ["urp-1", "urp-2"]) world.queue.push({ product, source });
  world.step({ type: "held" });
  return world;
}

test("property: whatever happens in whatever order, nothing is lost and everything taken is settled", () => {
  fc.assert(
    fc.property(announced, fc.array(step("lose", ...faults), { maxLength: 200 }), (products, steps) => {
      const world = worldWith(products);
      play(world, steps);
      world.finish();
      expect(new Set(world.timesOut.keys())).toEqual(new Set(products));
      expect([world.queue.length, world.unacked.size, world.dispatcher.inFlight]).toEqual([0, 0, 0]);
    }),
    { numRuns: 2000 },
  );
});

test("property: while every publish is answered truthfully, no product goes out twice", () => {
  fc.assert(
    fc.property(announced, fc.array(step(...faults), { maxLength: 200 }), (products, steps) => {
      const world = worldWith(products);
      play(world, steps);
      world.finish();
      expect([...world.timesOut.values()].every((times) => times === 1)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
