import { orAborted } from "../lib/aborted.ts";
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

/** What other pullers are asked about an announcement. */
export function inquiryOf(order: Order, from: Provenance): Inquiry {
  const { key, url, fileName, sizeBytes, firstArrivalSeconds } = order;
  const inDoubt = from.kind === "first" && from.inDoubt;
  return { key, url, fileName, sizeBytes, firstArrivalSeconds, kind: from.kind, inDoubt };
}

/** What this puller and others have done with products that are announced repeatedly. */
export class Repeats {
  readonly #ports: RepeatsPorts;
  readonly #memory: ProductMemory;
  /** By key: repeats of one product wait for each other, so that each sees the result of the previous one. */
  readonly #inProgress = new Map<string, Promise<void>>();

  constructor(config: Pick<Config, "placedRememberedSeconds">, ports: RepeatsPorts) {
    this.#ports = ports;
    this.#memory = new ProductMemory(config.placedRememberedSeconds * 1000);
  }

  /** What an earlier process has placed, and how long ago. */
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

  /** Does `work`; if it may be a repeat, after the product's other pulls in progress. */
  async inSequence<T>(key: string, mayRepeat: boolean, work: () => Promise<T>): Promise<T> {
    const earlier = mayRepeat ? this.#inProgress.get(key) : undefined;
    const working = earlier ? earlier.then(work) : work();
    const done = working.then(
      () => {},
      () => {},
    );
    this.#inProgress.set(key, done);
    try {
      return await working;
    } finally {
      if (this.#inProgress.get(key) === done) this.#inProgress.delete(key);
    }
  }

  /** What this host has done. If nothing is remembered, the folder shows what is still there. */
  async here(about: Inquiry): Promise<Standing> {
    const { now, sizeOf } = this.#ports;
    // An unconfirmed publish shows that the dispatcher has no request: ours is lost too.
    if (about.kind === "first" && !about.inDoubt && this.#memory.wasAskedFor(about, now())) return "asked";
    if (this.#memory.wasPlaced(about, now())) return "placed";
    const { sizeBytes } = about;
    return sizeBytes !== undefined && (await sizeOf(about.fileName)) === sizeBytes ? "placed" : "nothing";
  }

  /** What the other pullers have done. Rejects when `signal` aborts. */
  elsewhere(about: Inquiry, signal: AbortSignal): Promise<PeerAnswer> {
    return this.#ports.askOthers(about, signal);
  }

  /**
   * The answer to another puller, after the product's pulls in progress unless `answerNow` aborts first. If this fails, the answer
   * is that nothing was done.
   */
  async answer(about: Inquiry, answerNow: AbortSignal): Promise<Standing> {
    if (!checkFileName(about.fileName).ok) return "nothing";
    const inProgress = this.#inProgress.get(about.key);
    if (inProgress) await orAborted(inProgress, answerNow);
    return this.here(about).catch(() => "nothing");
  }
}
