import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import type { AgentProcess } from "../../tests/rigs/agent-process.ts";
import { Bench } from "../../tests/rigs/agents-bench.ts";
import { BrokerGate } from "../../tests/rigs/broker-gate.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";
import type { Message } from "../lib/subscription.ts";
import { parsePeerMessage } from "./peer-message.ts";

// Two pullers as processes whose connections to a real broker end at the worst moment: when the product is in its folder and the
// broker does not have the ack yet. Not proved here: a host that never comes back (see peers.test.ts), and brokers of several
// members.

const names = ["a", "b"] as const;
type Name = (typeof names)[number];
/** Seconds on an idle machine; the limits are for a busy one. */
const waiting = { timeout: 100_000, interval: 20 };
/** Far beyond the test's own time: earlier events were not waited for. */
const forEverMs = 600_000;

let broker: LocalBroker;
let bench: Bench;
let benches = 0;
let gates: Record<Name, BrokerGate>;
let pullers: Record<Name, AgentProcess>;
let heard: Message[];

beforeAll(async () => {
  broker = await sharedBroker();
});
beforeEach(async () => {
  benches += 1;
  bench = new Bench(broker, benches);
  await bench.open();
  heard = await bench.listen("peers", ["v00.urp.peers"]);
  const [a, b] = await Promise.all([startPuller("a"), startPuller("b")]);
  gates = { a: a.gate, b: b.gate };
  pullers = { a: a.puller, b: b.puller };
  for (const name of names) {
    const peers = async () => JSON.parse(await bench.ask(pullers[name], "health")).peers;
    await expect.poll(peers, waiting).toEqual({ known: 1, silent: 0 });
  }
});
afterEach(async () => {
  for (const gate of Object.values(gates)) await gate.close();
  await bench.close();
});

async function startPuller(name: Name): Promise<{ gate: BrokerGate; puller: AgentProcess }> {
  const gate = await BrokerGate.open(broker.amqpPort);
  const own = { broker: bench.brokerSettingsVia(gate.port), peersWaitMs: forEverMs };
  return { gate, puller: await bench.startPuller(name, own) };
}

/** One of them places the product, and the broker receives nothing of that, nor anything else that this puller sends from then on. */
async function placedUnheard(): Promise<{ placer: Name; other: Name }> {
  bench.urp1.beforeAnswer = () => {
    for (const gate of Object.values(gates)) gate.holdBack();
  };
  await bench.announce("notify", bench.urp1, "p");
  await expect.poll(() => bench.products.length, waiting).toBe(1);
  const placer = bench.productsOf("a").length === 1 ? "a" : "b";
  const other = placer === "a" ? "b" : "a";
  gates[other].release();
  bench.urp1.beforeAnswer = () => {};
  return { placer, other };
}

const questions = () =>
  heard.filter(({ body }) => {
    const read = parsePeerMessage(body);
    return read.ok && read.value.kind === "ask";
  });

async function expectPlacedOnce(other: Name): Promise<void> {
  await expect.poll(() => bench.pullQueueLength(), waiting).toBe(0);
  expect(bench.products).toHaveLength(1);
  const there = /^warren_puller_already_there_total\{where="another"\} 1$/m;
  await expect.poll(() => bench.ask(pullers[other], "metrics"), waiting).toMatch(there);
}

test("a product whose ack was lost with the connection is not placed by the puller that gets it next", async () => {
  const { placer, other } = await placedUnheard();
  gates[placer].cutFromBroker();
  // Asked while the one that has it is disconnected and does not know it.
  await expect.poll(() => questions().length, waiting).toBeGreaterThan(0);
  gates[placer].cutFromClients();
  await expectPlacedOnce(other);
});

test("nor if the puller that has it died and is back", async () => {
  const { placer, other } = await placedUnheard();
  await pullers[placer].kill();
  gates[placer].cutFromClients();
  await expectPlacedOnce(other);
});

test("nor if it died and does not start again: its unit answers from its journal, at once", async () => {
  const { placer, other } = await placedUnheard();
  await pullers[placer].die();
  gates[placer].cutFromClients();
  await expect.poll(() => questions().length, waiting).toBeGreaterThan(0);
  await pullers[placer].afterEnd();
  await expectPlacedOnce(other);
});

test("the same if its file has been ingested since, which leaves only the journal", async () => {
  const { placer, other } = await placedUnheard();
  await pullers[placer].die();
  for (const file of readdirSync(bench.folderOf(placer))) rmSync(join(bench.folderOf(placer), file));
  gates[placer].cutFromClients();
  await pullers[placer].afterEnd();
  await expect.poll(() => bench.pullQueueLength(), waiting).toBe(0);
  expect(bench.productsOf(other)).toEqual([]);
});

test("a product whose puller died while it pulled it, and does not start again, is pulled by another once the unit has answered", async () => {
  const asked = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  bench.urp1.beforeAnswer = () => {
    asked.resolve();
    return held.promise;
  };
  await bench.announce("notify", bench.urp1, "p");
  await asked.promise;
  const placer = await busyPuller();
  const other = placer === "a" ? "b" : "a";
  await pullers[placer].die();
  await expect.poll(() => questions().length, waiting).toBeGreaterThan(0);
  bench.urp1.beforeAnswer = () => {};
  expect(bench.products).toEqual([]);
  await pullers[placer].afterEnd();
  held.resolve();
  await expect.poll(() => bench.pullQueueLength(), waiting).toBe(0);
  expect(bench.productsOf(other)).toHaveLength(1);
});

/** The one that has an unfinished file. */
async function busyPuller(): Promise<Name> {
  const busy = () => names.find((name) => readdirSync(bench.folderOf(name)).length > 0);
  await expect.poll(busy, waiting).toBeDefined();
  return busy() as Name;
}

test("a product that no puller has placed is pulled as soon as all others have answered", async () => {
  const asked = Promise.withResolvers<void>();
  bench.urp1.beforeAnswer = () => asked.promise;
  await bench.announce("notify", bench.urp1, "p");
  await expect.poll(() => bench.urp1.requests, waiting).toBe(1);
  for (const gate of Object.values(gates)) gate.cutFromClients();
  asked.resolve();
  await expect.poll(() => bench.pullQueueLength(), waiting).toBe(0);
  expect(bench.products).toHaveLength(1);
});
