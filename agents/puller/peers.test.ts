import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { formatPeerMessage, type PeerMessage, parsePeerMessage } from "./peer-message.ts";
import { Peers } from "./peers.ts";
import { about, type Node, World } from "./peers-fixture.ts";

const longMs = 600_000;
/** Always waited for in full, and longer than a busy machine takes for the answers that do arrive. */
const shortMs = 400;

async function arrange(count = 3, waitMs = longMs): Promise<{ world: World; one: Node; two: Node; three: Node }> {
  const world = await World.calm(count, waitMs);
  const [one, two, three] = world.nodes;
  if (!one || !two || !three) throw new Error("three pullers are expected");
  return { world, one, two, three };
}

test("a product that another puller has placed counts as placed: one answer is enough, even if others are silent", async () => {
  const { world, one, two, three } = await arrange();
  two.standing = "placed";
  three.set({ hears: false });
  const word = one.ask();
  await world.readAll();
  expect(await word).toBe("placed");
});

test("so does one whose twin another puller has requested", async () => {
  const { world, one, three } = await arrange();
  three.standing = "asked";
  const word = one.ask();
  await world.readAll();
  expect(await word).toBe("asked");
});

test("nothing was done with it if all answer so, and the wait ends", async () => {
  const { world, one } = await arrange();
  const word = one.ask();
  await world.readAll();
  expect(await word).toBe("nothing");
});

test("a puller without a connection is waited for, and asked once it has one again", async () => {
  const { world, one, two } = await arrange();
  two.standing = "placed";
  two.set({ hears: false, speaks: false });
  await expectToWait(world, one, two);
});

test("a puller that asks without a connection asks once it has one", async () => {
  const { world, one, two } = await arrange();
  two.standing = "placed";
  one.set({ speaks: false });
  const word = one.ask();
  one.set({ speaks: true });
  await world.readAll();
  expect(await word).toBe("placed");
});

test("a puller that never answers is waited for once, until it sends a message", async () => {
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

test("a puller that has just started and knows no other gives them time to report", async () => {
  const { world, two, three } = await arrange();
  const late = new World(1, longMs).nodes[0] as Node;
  two.standing = "placed";
  const word = late.ask();
  late.set({ hears: true, speaks: true });
  for (const node of [two, three]) {
    late.peers.onMessage({ kind: "here", from: node === two ? "p1" : "p2", asksBack: false });
  }
  late.peers.onMessage({ kind: "answer", from: "p1", to: "p0", question: "p0.1-1", standing: "placed" });
  expect([await word, world.nodes.length]).toEqual(["placed", 3]);
});

/** Resolves once that is over, long after a puller that knows no other would have assumed that it is alone. */
const hasSettled = () => delay(50);

/** The asking puller gets no answer until the one that is away, which has placed the product, is back and answers. */
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

test("a killed and restarted puller waits for those that it knew, however long they are away", async () => {
  const { world, one, two } = await arrange();
  two.standing = "placed";
  two.set({ hears: false, speaks: false });
  one.dies();
  one.set({ hears: true, speaks: true });
  await expectToWait(world, one, two);
});

test("a puller that never ran before waits for those that the others know, however long they are away", async () => {
  const { world, two } = await arrange();
  two.standing = "placed";
  two.set({ hears: false, speaks: false });
  const late = world.add(longMs);
  late.set({ hears: true, speaks: true });
  await world.readAll();
  await expectToWait(world, late, two);
});

test("a puller waited for in vain is not waited for again because others know it, nor by the next process", async () => {
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

test("alone it waits for no answer", async () => {
  const { nodes } = await World.calm(1, longMs);
  expect(await nodes[0]?.ask()).toBe("nothing");
});

test("if the broker gives no queue, no puller is waited for", async () => {
  const { one } = await arrange();
  one.set({ hears: false });
  const word = one.ask();
  one.peers.refused();
  expect([await word, await one.ask()]).toEqual(["nothing", "nothing"]);
});

test("a question ends when its announcement is redelivered to another puller", async () => {
  const { one, two } = await arrange();
  two.set({ hears: false });
  const abort = new AbortController();
  const word = one.ask(abort.signal);
  abort.abort(new Error("redelivered to another puller"));
  await expect(word).rejects.toThrow();
});

test("answers to others, to another process or to another question are ignored", async () => {
  const { world, one } = await arrange();
  const settled = vi.fn();
  for (const node of world.nodes) if (node !== one) node.set({ hears: false });
  const word = one.ask();
  void word.then(settled);
  const answer = { kind: "answer", from: "p1", standing: "placed" } as const;
  one.peers.onMessage({ ...answer, to: "p2", question: "p0.1-1" });
  one.peers.onMessage({ ...answer, to: "p0", question: "p0.1-2" });
  one.peers.onMessage({ ...answer, to: "p0", question: "other-1" });
  await world.readAll();
  expect(settled).not.toHaveBeenCalled();
  one.peers.onMessage({ ...answer, to: "p0", question: "p0.1-1" });
  expect(await word).toBe("placed");
});

test("of two pullers with the same product, one places it and the other learns of that", async () => {
  const { world, one, two, three } = await arrange();
  one.deliver();
  three.deliver();
  await world.done();
  expect(world.nodes.map(({ placed }) => placed)).toEqual([1, 0, 0]);
  two.deliver();
  await world.done();
  expect(world.nodes.map(({ placed }) => placed)).toEqual([1, 0, 0]);
});

test("a puller that has it, owes an answer and comes to ask itself answers first: otherwise it would wait for the other one's answer", async () => {
  const said: PeerMessage[] = [];
  const peers = new Peers({
    ...{ self: "p0", nonce: "n", waitMs: longMs, known: [], send: (message) => void said.push(message) },
    ...{ onSilent: () => {}, onKnown: () => {} },
    standingOf: async (_, answerNow) => {
      if (!answerNow.aborted) await once(answerNow, "abort");
      return "nothing";
    },
  });
  peers.connected();
  peers.onMessage({ kind: "ask", from: "p1", question: "q", about, clock: 7 });
  const abort = new AbortController();
  const word = peers.ask(about, abort.signal);
  await expect
    .poll(() => said.at(-1), { timeout: 8000 })
    .toMatchObject({ kind: "answer", to: "p1", standing: "nothing" });
  expect(said).toContainEqual(expect.objectContaining({ kind: "ask", clock: 8 }));
  abort.abort();
  await expect(word).rejects.toThrow();
});

test("a puller that asks and waits for others answers those that asked before, so there is no deadlock", async () => {
  const { world, one, two } = await arrange();
  // By the clock, the first one is the one with the later name.
  two.deliver();
  await one.read();
  one.deliver();
  await world.done();
  expect(world.nodes.map(({ placed }) => placed)).toEqual([0, 1, 0]);
});

/** Events: connections go and come, a puller is killed, messages arrive late. */
const eventOf = (...more: string[]) =>
  fc.record({
    who: fc.nat({ max: 2 }),
    what: fc.constantFrom("reads", "reads", "reads", "hears", "hears not", "speaks", "speaks not", "dies", ...more),
  });
const event = eventOf();
/** A kill of the first puller, which asks, would end its question. */
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

test("whatever connections do and whenever messages arrive, a placed product never counts as not placed", async () => {
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

test("and a product that no puller has placed is known as such once all have a connection again", async () => {
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

test("however often it is redelivered, and to how many at once, one puller places it, once", async () => {
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

test("invented names are limited, in memory and on disk; a puller that does not answer makes room", async () => {
  const known: (readonly string[])[] = [];
  const peers = new Peers({
    ...{ self: "p0", nonce: "n", waitMs: shortMs, settleMs: 0, known: ["p1"], send: () => {} },
    ...{ onSilent: () => {}, onKnown: (others) => void known.push(others) },
    standingOf: async () => "nothing",
  });
  peers.connected();
  const invented = (from: number) => Array.from({ length: 2000 }, (_, at) => `x${from + at}`);
  for (const from of invented(0)) peers.onMessage({ kind: "here", from, asksBack: false });
  const answer = { kind: "answer", from: "x0", to: "p0", question: "n-1", standing: "nothing" } as const;
  peers.onMessage({ ...answer, others: invented(5000) });
  expect(peers.counts).toEqual({ known: 64, silent: 0 });
  expect(known).toHaveLength(63);
  expect(known.at(-1)).toHaveLength(64);
  expect(await peers.ask(about, new AbortController().signal)).toBe("silent");
  expect(peers.counts).toEqual({ known: 64, silent: 64 });
  peers.onMessage({ kind: "here", from: "p2", asksBack: false });
  expect(peers.counts).toEqual({ known: 64, silent: 63 });
});

test("a clock beyond all questions changes nothing: the next question is read by all", async () => {
  const said: PeerMessage[] = [];
  const peers = new Peers({
    ...{ self: "p0", nonce: "n", waitMs: longMs, known: [], send: (message) => void said.push(message) },
    ...{ onSilent: () => {}, onKnown: () => {} },
    standingOf: async () => "nothing",
  });
  peers.connected();
  const forged = { kind: "ask", from: "x", question: "q", about, clock: 2 ** 53 - 1 } as const;
  expect(parsePeerMessage(formatPeerMessage(forged)).ok).toBe(false);
  peers.onMessage({ ...forged, clock: 2 ** 52 });
  const abort = new AbortController();
  const word = peers.ask(about, abort.signal);
  const asked = said.find(({ kind }) => kind === "ask");
  expect(asked && parsePeerMessage(formatPeerMessage(asked))).toEqual({ ok: true, value: asked });
  abort.abort();
  await expect(word).rejects.toThrow();
});
