import { aborted } from "../lib/aborted.ts";
import { checkFileName } from "../lib/receiver-queue.ts";
import type { Provenance } from "./alternates.ts";
import type { Config } from "./config.ts";
import type { Order } from "./order.ts";
import type { Inquiry, Standing } from "./peer-message.ts";
import type { PeerAnswer } from "./peers.ts";
import type { PlacedBefore } from "./placed-journal.ts";
import type { PullerPorts } from "./ports.ts";
import { ProductMemory } from "./product-memory.ts";

export type RepeatsPorts = Pick<PullerPorts, "now" | "sizeOf" | "askOthers">;

/** What is asked about an announcement. */
export function inquiryOf(order: Order, from: Provenance): Inquiry {
  const { key, url, fileName, sizeBytes, firstArrivalSeconds } = order;
  const inDoubt = from.kind === "first" && from.inDoubt;
  return { key, url, fileName, sizeBytes, firstArrivalSeconds, kind: from.kind, inDoubt };
}

/** What was done with products whose announcements come again, by this puller and by the others. */
export class Repeats {
  readonly #ports: RepeatsPorts;
  readonly #memory: ProductMemory;
  /** By key: one product's repeats wait for each other, so that each sees what became of the one before. */
  readonly #inHand = new Map<string, Promise<void>>();

  constructor(config: Pick<Config, "placedRememberedSeconds">, ports: RepeatsPorts) {
    this.#ports = ports;
    this.#memory = new ProductMemory(config.placedRememberedSeconds * 1000);
  }

  /** What a process before this one has placed, and how long ago. */
  recall({ about, ageMs }: PlacedBefore): void {
    this.#memory.placed(about, this.#ports.now() - ageMs);
  }

  placed(about: Inquiry): void {
    this.#memory.placed(about, this.#ports.now());
  }

  /** The broker has the request for its twin. */
  askedFor(about: Inquiry): void {
    this.#memory.askedFor(about, this.#ports.now());
  }

  /** Does `work`; where it may be a repeat, after what is in hand of the same product. */
  async inTurn<T>(key: string, mayRepeat: boolean, work: () => Promise<T>): Promise<T> {
    const earlier = mayRepeat ? this.#inHand.get(key) : undefined;
    const working = earlier ? earlier.then(work) : work();
    const done = working.then(
      () => {},
      () => {},
    );
    this.#inHand.set(key, done);
    try {
      return await working;
    } finally {
      if (this.#inHand.get(key) === done) this.#inHand.delete(key);
    }
  }

  /** What this host has done; where nothing is remembered the folder answers, for what is still there. */
  async here(about: Inquiry): Promise<Standing> {
    const { now, sizeOf } = this.#ports;
    // In doubt the dispatcher knows of no request: that one is lost, too.
    if (about.kind === "first" && !about.inDoubt && this.#memory.wasAskedFor(about, now())) return "asked";
    if (this.#memory.wasPlaced(about, now())) return "placed";
    const { sizeBytes } = about;
    return sizeBytes !== undefined && (await sizeOf(about.fileName)) === sizeBytes ? "placed" : "nothing";
  }

  /** What the others have done. Rejects when `signal` aborts. */
  elsewhere(about: Inquiry, signal: AbortSignal): Promise<PeerAnswer> {
    return this.#ports.askOthers(about, signal);
  }

  /**
   * The answer to another puller: what is in hand of the product is done first, unless `sooner` aborts before. Who can't say has done
   * nothing.
   */
  async answer(about: Inquiry, sooner: AbortSignal): Promise<Standing> {
    if (!checkFileName(about.fileName).ok) return "nothing";
    const inHand = this.#inHand.get(about.key);
    if (inHand && !sooner.aborted) await Promise.race([inHand, aborted(sooner)]);
    return this.here(about).catch(() => "nothing");
  }
}
