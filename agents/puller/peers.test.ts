import { setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { aborted } from "../lib/aborted.ts";
import { formatPeerMessage, type PeerMessage, parsePeerMessage } from "./peer-message.ts";
import { Peers } from "./peers.ts";
import { about, type Node, World } from "./peers-fixture.ts";

const longMs = 600_000;
/** Waited for to its end, and longer than a busy machine takes for the answers of those that do answer. */
const shortMs = 400;

async function arrange(count = 3, waitMs = longMs): Promise<{ world: World; one: Node; two: Node; three: Node }> {
  const world = await World.calm(count, waitMs);
  const [one, two, three] = world.nodes;
  if (!one || !two || !three) throw new Error("three pullers are expected");
  return { world, one, two, three };
}

test("a product that another one has placed is placed: its word is enough, whoever is silent", async () => {
  const { world, one, two, three } = await arrange();
  two.standing = "placed";
  three.set({ hears: false });
  const word = one.ask();
  await world.readAll();
  expect(await word).toBe("placed");
});

test("so is one whose twin another one has asked for", async () => {
  const { world, one, three } = await arrange();
  three.standing = "asked";
  const word = one.ask();
  await world.readAll();
  expect(await word).toBe("asked");
});

test("nothing was done with it when all say so, and nobody waits longer", async () => {
  const { world, one } = await arrange();
  const word = one.ask();
  await world.readAll();
  expect(await word).toBe("nothing");
});

test("one without a connection is waited for, and asked when it has one again", async () => {
  const { world, one, two } = await arrange();
  two.standing = "placed";
  two.set({ hears: false, speaks: false });
  await expectToWait(world, one, two);
});

test("who asks without a connection asks when it has one", async () => {
  const { world, one, two } = await arrange();
  two.standing = "placed";
  one.set({ speaks: false });
  const word = one.ask();
  one.set({ speaks: true });
  await world.readAll();
  expect(await word).toBe("placed");
});

test("one that never answers is waited for once, until it says something", async () => {
  const { world, one, two } = await arrange(3, shortMs);
  two.set({ hears: false, speaks: false });
  const first = one.ask();
  await world.readAll();
  expect([await first, one.silent, one.peers.counts]).toEqual(["silent", [["p1"]], { known: 2, silent: 1 }]);
  const second = one.ask();
  await world.readAll();
  expect(await second).toBe("nothing");
  two.set({ hears: true, speaks: true });
  await world.readAll();
  expect(one.peers.counts).toEqual({ known: 2, silent: 0 });
});

test("a puller that has just begun, and knows nobody, gives the others time to say that they are there", async () => {
  const { world, two, three } = await arrange();
  const late = new World(1, longMs).nodes[0] as Node;
  two.standing = "placed";
  const word = late.ask();
  late.set({ hears: true, speaks: true });
  for (const node of [two, three]) {
    late.peers.heard({ kind: "here", from: node === two ? "p1" : "p2", asksBack: false });
  }
  late.peers.heard({ kind: "answer", from: "p1", to: "p0", question: "p0.1-1", standing: "placed" });
  expect([await word, world.nodes.length]).toEqual(["placed", 3]);
});

/** Resolves when it is told, and long after a puller that knows nobody would have guessed that nobody is there. */
const hasSettled = () => delay(50);

/** Who asks has no word until the one that is away, which has placed the product, is back and says so. */
async function expectToWait(world: World, asking: Node, away: Node): Promise<void> {
  const settled = vi.fn();
  const word = asking.ask();
  void word.then(settled);
  await world.readAll();
  await hasSettled();
  expect(settled).not.toHaveBeenCalled();
  away.set({ hears: true, speaks: true });
  await world.readAll();
  expect(await word).toBe("placed");
}

test("one that is killed and begins again waits for those that it knew, however long they are away", async () => {
  const { world, one, two } = await arrange();
  two.standing = "placed";
  two.set({ hears: false, speaks: false });
  one.dies();
  one.set({ hears: true, speaks: true });
  await expectToWait(world, one, two);
});

test("one that never ran before waits for those that the others know, however long they are away", async () => {
  const { world, two } = await arrange();
  two.standing = "placed";
  two.set({ hears: false, speaks: false });
  const late = world.add(longMs);
  late.set({ hears: true, speaks: true });
  await world.readAll();
  await expectToWait(world, late, two);
});

test("one that was waited for in vain is not waited for again because others know it, nor by the next process", async () => {
  const { world, one, two } = await arrange(3, shortMs);
  two.set({ hears: false, speaks: false });
  const ask = async () => {
    const word = one.ask();
    await world.readAll();
    return word;
  };
  expect([await ask(), await ask()]).toEqual(["silent", "nothing"]);
  one.dies();
  expect(one.peers.counts).toEqual({ known: 1, silent: 0 });
});

test("alone it waits for nobody", async () => {
  const { nodes } = await World.calm(1, longMs);
  expect(await nodes[0]?.ask()).toBe("nothing");
});

test("where the broker gives no queue nobody is waited for", async () => {
  const { one } = await arrange();
  one.set({ hears: false });
  const word = one.ask();
  one.peers.refused();
  expect([await word, await one.ask()]).toEqual(["nothing", "nothing"]);
});

test("an announcement that is given to somebody else is asked about no more", async () => {
  const { one, two } = await arrange();
  two.set({ hears: false });
  const abort = new AbortController();
  const word = one.ask(abort.signal);
  abort.abort(new Error("given to another puller"));
  await expect(word).rejects.toThrow();
});

test("answers to others, of another process or to another question are no answers", async () => {
  const { world, one } = await arrange();
  const settled = vi.fn();
  for (const node of world.nodes) if (node !== one) node.set({ hears: false });
  const word = one.ask();
  void word.then(settled);
  const answer = { kind: "answer", from: "p1", standing: "placed" } as const;
  one.peers.heard({ ...answer, to: "p2", question: "p0.1-1" });
  one.peers.heard({ ...answer, to: "p0", question: "p0.1-2" });
  one.peers.heard({ ...answer, to: "p0", question: "other-1" });
  await world.readAll();
  expect(settled).not.toHaveBeenCalled();
  one.peers.heard({ ...answer, to: "p0", question: "p0.1-1" });
  expect(await word).toBe("placed");
});

test("of two that have it in hand at once one places it, and the other one hears of that", async () => {
  const { world, one, two, three } = await arrange();
  one.deliver();
  three.deliver();
  await world.done();
  expect(world.nodes.map(({ placed }) => placed)).toEqual([1, 0, 0]);
  two.deliver();
  await world.done();
  expect(world.nodes.map(({ placed }) => placed)).toEqual([1, 0, 0]);
});

test("who has it in hand, owes an answer, and comes to ask itself answers before: it would wait for the other one's", async () => {
  const said: PeerMessage[] = [];
  const peers = new Peers({
    ...{ self: "p0", nonce: "n", waitMs: longMs, known: [], send: (message) => void said.push(message) },
    ...{ onSilent: () => {}, onKnown: () => {} },
    standingOf: async (_, sooner) => {
      await aborted(sooner);
      return "nothing";
    },
  });
  peers.connected();
  peers.heard({ kind: "ask", from: "p1", question: "q", about, clock: 7 });
  const abort = new AbortController();
  const word = peers.ask(about, abort.signal);
  await expect
    .poll(() => said.at(-1), { timeout: 8000 })
    .toMatchObject({ kind: "answer", to: "p1", standing: "nothing" });
  expect(said).toContainEqual(expect.objectContaining({ kind: "ask", clock: 8 }));
  abort.abort();
  await expect(word).rejects.toThrow();
});

test("who asks while it waits for others answers those that asked before, and nobody waits in a circle", async () => {
  const { world, one, two } = await arrange();
  // By the clock the first is the one with the later name.
  two.deliver();
  await one.read();
  one.deliver();
  await world.done();
  expect(world.nodes.map(({ placed }) => placed)).toEqual([0, 1, 0]);
});

/** What happens to whom: connections go and come, it is killed, and what was said arrives late. */
const eventOf = (...more: string[]) =>
  fc.record({
    who: fc.nat({ max: 2 }),
    what: fc.constantFrom("reads", "reads", "reads", "hears", "hears not", "speaks", "speaks not", "dies", ...more),
  });
const event = eventOf();
/** Of the first, which asks, a kill would end the question with it. */
const whileItAsks = event.filter(({ who, what }) => who !== 0 || what !== "dies");
const eventOrDelivery = eventOf("is given it", "is given it");

async function happen(world: World, { who, what }: { who: number; what: string }): Promise<void> {
  const node = world.nodes[who];
  if (what === "reads") await node?.read();
  else if (what === "is given it") node?.deliver();
  else if (what === "dies") node?.dies();
  else if (what.startsWith("hears")) node?.set({ hears: what === "hears" });
  else node?.set({ speaks: what === "speaks" });
}

async function heal(world: World): Promise<void> {
  for (const node of world.nodes) node.set({ hears: true, speaks: true });
  await world.readAll();
}

test("whatever connections do, and whenever the words arrive: what one has placed nobody takes for not placed", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { maxLength: 30 }),
      fc.array(whileItAsks, { maxLength: 30 }),
      async (before, during) => {
        const { world, one, two } = await arrange();
        for (const one of before) await happen(world, one);
        two.standing = "placed";
        const word = one.ask();
        for (const one of during) await happen(world, one);
        await heal(world);
        expect(await word).toBe("placed");
      },
    ),
    { numRuns: 300 },
  );
});

test("and what nobody has placed is known as that when all have a connection again", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(whileItAsks, { maxLength: 30 }), async (during) => {
      const { world, one } = await arrange();
      const word = one.ask();
      for (const one of during) await happen(world, one);
      await heal(world);
      expect(await word).toBe("nothing");
    }),
    { numRuns: 300 },
  );
});

test("however often it is given out, and to how many at once: one places it, once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(eventOrDelivery, { maxLength: 60 }), fc.nat({ max: 2 }), async (during, last) => {
      const { world } = await arrange();
      for (const one of during) await happen(world, one);
      await heal(world);
      world.nodes[last]?.deliver();
      await world.done();
      expect(world.nodes.reduce((sum, { placed }) => sum + placed, 0)).toBe(1);
    }),
    { numRuns: 500 },
  );
});

test("names that somebody invents are bounded, in memory and on disk; one that doesn't answer makes room", async () => {
  const known: (readonly string[])[] = [];
  const peers = new Peers({
    ...{ self: "p0", nonce: "n", waitMs: shortMs, settleMs: 0, known: ["p1"], send: () => {} },
    ...{ onSilent: () => {}, onKnown: (others) => void known.push(others) },
    standingOf: async () => "nothing",
  });
  peers.connected();
  const invented = (from: number) => Array.from({ length: 2000 }, (_, at) => `x${from + at}`);
  for (const from of invented(0)) peers.heard({ kind: "here", from, asksBack: false });
  const answer = { kind: "answer", from: "x0", to: "p0", question: "n-1", standing: "nothing" } as const;
  peers.heard({ ...answer, others: invented(5000) });
  expect(peers.counts).toEqual({ known: 64, silent: 0 });
  expect(known).toHaveLength(63);
  expect(known.at(-1)).toHaveLength(64);
  expect(await peers.ask(about, new AbortController().signal)).toBe("silent");
  expect(peers.counts).toEqual({ known: 64, silent: 64 });
  peers.heard({ kind: "here", from: "p2", asksBack: false });
  expect(peers.counts).toEqual({ known: 64, silent: 63 });
});

test("a clock beyond all questions changes nothing: whoever asks next is understood by all", async () => {
  const said: PeerMessage[] = [];
  const peers = new Peers({
    ...{ self: "p0", nonce: "n", waitMs: longMs, known: [], send: (message) => void said.push(message) },
    ...{ onSilent: () => {}, onKnown: () => {} },
    standingOf: async () => "nothing",
  });
  peers.connected();
  const forged = { kind: "ask", from: "x", question: "q", about, clock: 2 ** 53 - 1 } as const;
  expect(parsePeerMessage(formatPeerMessage(forged)).ok).toBe(false);
  peers.heard({ ...forged, clock: 2 ** 52 });
  const abort = new AbortController();
  const word = peers.ask(about, abort.signal);
  const asked = said.find(({ kind }) => kind === "ask");
  expect(asked && parsePeerMessage(formatPeerMessage(asked))).toEqual({ ok: true, value: asked });
  abort.abort();
  await expect(word).rejects.toThrow();
});
