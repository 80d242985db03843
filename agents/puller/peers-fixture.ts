import { setImmediate as turn } from "node:timers/promises";
import { aborted } from "../lib/aborted.ts";
import type { Inquiry, PeerMessage, Standing } from "./peer-message.ts";
import { type PeerAnswer, Peers } from "./peers.ts";

export const about: Inquiry = {
  ...{ key: "k", url: "http://urp-1/db/p", fileName: "p", sizeBytes: 7, firstArrivalSeconds: 1_421_777_342 },
  ...{ kind: "first", inDoubt: false },
};

/** One puller of the world: hears by one connection and speaks by another one, either of which may be away. */
export class Node {
  peers: Peers;
  /** What it was told and has not read. */
  readonly inbox: PeerMessage[] = [];
  /** What it was waited for in vain. */
  readonly silent: string[][] = [];
  standing: Standing = "nothing";
  hears = false;
  speaks = false;
  /** How often it has placed the product. */
  placed = 0;
  /** On its disk: whom it knows. */
  #known: readonly string[] = [];
  #starts = 0;
  #isOpen = false;
  #inHand: Promise<void> | undefined;
  /** Aborts when what is in hand is given to another one. */
  #giveBack = new AbortController();

  readonly #world: World;
  readonly #name: string;
  readonly #waitMs: number;

  constructor(world: World, name: string, waitMs: number) {
    this.#world = world;
    this.#name = name;
    this.#waitMs = waitMs;
    this.peers = this.#begin();
  }

  /** Killed, and started again: it has no connection yet, and what it has placed and whom it knows is on its disk. */
  dies(): void {
    this.set({ hears: false, speaks: false });
    this.peers = this.#begin();
  }

  #begin(): Peers {
    this.#starts += 1;
    const start = this.#starts;
    return new Peers({
      ...{ self: this.#name, nonce: `${this.#name}.${start}`, waitMs: this.#waitMs, settleMs: 1, known: this.#known },
      onKnown: (others) => {
        if (start === this.#starts) this.#known = others;
      },
      send: (message) => {
        if (start === this.#starts && this.speaks) this.#world.publish(message);
      },
      standingOf: async (_, sooner) => {
        if (this.#inHand && !sooner.aborted) await Promise.race([this.#inHand, aborted(sooner)]);
        return this.standing;
      },
      onSilent: (others) => void this.silent.push([...others]),
    });
  }

  set({ hears = this.hears, speaks = this.speaks }: { hears?: boolean; speaks?: boolean }): void {
    if (!hears) {
      this.inbox.length = 0;
      this.#giveBack.abort(new Error("given back"));
    }
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

  get isIdle(): boolean {
    return this.#inHand === undefined;
  }

  /** It is given the announcement again, by the connection by which it hears: asks, and places it where nobody has. */
  deliver(): void {
    if (!this.hears || this.#inHand) return;
    this.#giveBack = new AbortController();
    this.#inHand = this.#handle(this.#giveBack.signal)
      .catch(() => {})
      .finally(() => {
        this.#inHand = undefined;
      });
  }

  async #handle(signal: AbortSignal): Promise<void> {
    if (this.standing === "placed" || (await this.ask(signal)) !== "nothing") return;
    // Placing takes its time.
    await turn();
    signal.throwIfAborted();
    this.standing = "placed";
    this.placed += 1;
  }

  ask(signal = new AbortController().signal): Promise<PeerAnswer> {
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

  /** One more, with nothing on its disk. */
  add(waitMs: number): Node {
    const node = new Node(this, `p${this.nodes.length}`, waitMs);
    this.nodes.push(node);
    return node;
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

  /** Until nobody has anything in hand, either. */
  async done(): Promise<void> {
    do {
      await this.readAll();
      await turn();
    } while (this.nodes.some(({ isIdle, inbox }) => !isIdle || inbox.length > 0));
  }
}
