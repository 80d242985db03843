import { setImmediate as turn } from "node:timers/promises";
import { orAborted } from "../lib/aborted.ts";
import type { Inquiry, PeerMessage, Standing } from "./peer-message.ts";
import { type PeerAnswer, Peers } from "./peers.ts";

export const about: Inquiry = {
  ...{ key: "k", url: "http://urp-1/db/p", fileName: "p", sizeBytes: 7, firstArrivalSeconds: 1_421_777_342 },
  ...{ kind: "first", inDoubt: false },
};

/** One puller of the world. It receives by one connection and sends by another; either may be down. */
export class Node {
  peers: Peers;
  /** Received, but not read yet. */
  readonly inbox: PeerMessage[] = [];
  /** Pullers it has waited for in vain. */
  readonly silent: string[][] = [];
  standing: Standing = "nothing";
  hears = false;
  speaks = false;
  /** How often it has placed the product. */
  placed = 0;
  /** On its disk: the pullers it knows. */
  #known: readonly string[] = [];
  #starts = 0;
  #isOpen = false;
  #inHand: Promise<void> | undefined;
  /** Aborts when its announcement is redelivered to another puller. */
  #redelivered = new AbortController();

  readonly #world: World;
  readonly #name: string;
  readonly #waitMs: number;

  constructor(world: World, name: string, waitMs: number) {
    this.#world = world;
    this.#name = name;
    this.#waitMs = waitMs;
    this.peers = this.#begin();
  }

  /** Killed and restarted: it has no connection yet; what it has placed and which pullers it knows is on its disk. */
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
      standingOf: async (_, answerNow) => {
        if (this.#inHand) await orAborted(this.#inHand, answerNow);
        return this.standing;
      },
      onSilent: (others) => void this.silent.push([...others]),
    });
  }

  set({ hears = this.hears, speaks = this.speaks }: { hears?: boolean; speaks?: boolean }): void {
    if (!hears) {
      this.inbox.length = 0;
      this.#redelivered.abort(new Error("requeued"));
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
    if (message) this.peers.onMessage(message);
    await turn();
  }

  get isIdle(): boolean {
    return this.#inHand === undefined;
  }

  /**
   * The announcement is redelivered to it, over its receiving connection: it asks, and places the product if no other puller has.
   */
  deliver(): void {
    if (!this.hears || this.#inHand) return;
    this.#redelivered = new AbortController();
    this.#inHand = this.#handle(this.#redelivered.signal)
      .catch(() => {})
      .finally(() => {
        this.#inHand = undefined;
      });
  }

  async #handle(signal: AbortSignal): Promise<void> {
    if (this.standing === "placed" || (await this.ask(signal)) !== "nothing") return;
    // Placing takes time.
    await turn();
    signal.throwIfAborted();
    this.standing = "placed";
    this.placed += 1;
  }

  ask(signal = new AbortController().signal): Promise<PeerAnswer> {
    return this.peers.ask(about, signal);
  }
}

/** Pullers, and a broker that delivers each message to all that are connected at that time, in order. */
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

  /** Adds a puller with an empty disk. */
  add(waitMs: number): Node {
    const node = new Node(this, `p${this.nodes.length}`, waitMs);
    this.nodes.push(node);
    return node;
  }

  /** All are connected and know each other. */
  static async calm(count: number, waitMs: number): Promise<World> {
    const world = new World(count, waitMs);
    for (const node of world.nodes) node.set({ hears: true, speaks: true });
    await world.readAll();
    return world;
  }

  /** Until no message is left. */
  async readAll(): Promise<void> {
    while (this.nodes.some(({ inbox }) => inbox.length > 0)) for (const node of this.nodes) await node.read();
  }

  /** Until no announcement is in flight either. */
  async done(): Promise<void> {
    do {
      await this.readAll();
      await turn();
    } while (this.nodes.some(({ isIdle, inbox }) => !isIdle || inbox.length > 0));
  }
}
