import { setImmediate as turn } from "node:timers/promises";
import type { Inquiry, PeerMessage, Standing } from "./peer-message.ts";
import { Peers, type Word } from "./peers.ts";

export const about: Inquiry = {
  ...{ key: "k", url: "http://urp-1/db/p", fileName: "p", sizeBytes: 7, firstArrivalSeconds: 1_421_777_342 },
  ...{ kind: "first", inDoubt: false },
};

/** One puller of the world: hears by one connection and speaks by another one, either of which may be away. */
export class Node {
  readonly peers: Peers;
  /** What it was told and has not read. */
  readonly inbox: PeerMessage[] = [];
  /** What it was waited for in vain. */
  readonly silent: string[][] = [];
  standing: Standing = "nothing";
  hears = false;
  speaks = false;
  #isOpen = false;

  constructor(world: World, name: string, waitMs: number) {
    this.peers = new Peers({
      ...{ self: name, nonce: name, waitMs, settleMs: 1 },
      send: (message) => {
        if (this.speaks) world.publish(message);
      },
      standingOf: async () => this.standing,
      onSilent: (others) => void this.silent.push([...others]),
    });
  }

  set({ hears = this.hears, speaks = this.speaks }: { hears?: boolean; speaks?: boolean }): void {
    if (!hears) this.inbox.length = 0;
    this.hears = hears;
    this.speaks = speaks;
    if (this.#isOpen === (hears && speaks)) return;
    this.#isOpen = hears && speaks;
    if (this.#isOpen) this.peers.connected();
    else this.peers.disconnected();
  }

  /** Reads one message. */
  async read(): Promise<void> {
    const message = this.inbox.shift();
    if (message) this.peers.heard(message);
    await turn();
  }

  ask(signal = new AbortController().signal): Promise<Word> {
    return this.peers.ask(about, signal);
  }
}

/** Pullers, and a broker that gives all that one says to all that hear just then, and to each in its order. */
export class World {
  readonly nodes: Node[];
  readonly said: PeerMessage[] = [];

  constructor(count: number, waitMs: number) {
    this.nodes = Array.from({ length: count }, (_, index) => new Node(this, `p${index}`, waitMs));
  }

  publish(message: PeerMessage): void {
    this.said.push(message);
    for (const node of this.nodes) if (node.hears) node.inbox.push(message);
  }

  /** All are connected, and know of each other. */
  static async calm(count: number, waitMs: number): Promise<World> {
    const world = new World(count, waitMs);
    for (const node of world.nodes) node.set({ hears: true, speaks: true });
    await world.readAll();
    return world;
  }

  /** Until nobody has anything to say. */
  async readAll(): Promise<void> {
    while (this.nodes.some(({ inbox }) => inbox.length > 0)) for (const node of this.nodes) await node.read();
  }
}
