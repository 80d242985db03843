import { createHash } from "node:crypto";

/** The state of a content. Pass `key` to `end`. */
export interface ContentState {
  readonly state: "known" | "underway" | "new";
  readonly key: string;
}

/**
 * Remembers recently sent contents. A content is known only once it is delivered: otherwise a file whose delivery failed would count as
 * its own duplicate.
 */
export class Duplicates {
  readonly #keepMs: number;
  readonly #max: number;
  readonly #now: () => number;
  /** The time of delivery by the content's md5, oldest first. */
  readonly #delivered = new Map<string, number>();
  readonly #underway = new Set<string>();

  constructor(options: { readonly keepMs: number; readonly max: number; readonly now: () => number }) {
    this.#keepMs = options.keepMs;
    this.#max = options.max;
    this.#now = options.now;
  }

  get size(): number {
    return this.#delivered.size;
  }

  /** `known`: delivered before; `underway`: the same content is being sent, so this file has to wait; `new`: now being sent. */
  begin(content: Uint8Array): ContentState {
    return this.beginKey(createHash("md5").update(content).digest("hex"));
  }

  /** Like `begin`, with the content's md5 in hex. */
  beginKey(key: string): ContentState {
    this.#forget();
    if (this.#delivered.has(key)) return { state: "known", key };
    if (this.#underway.has(key)) return { state: "underway", key };
    this.#underway.add(key);
    return { state: "new", key };
  }

  end(key: string, isDelivered: boolean): void {
    this.#underway.delete(key);
    if (isDelivered) this.#delivered.set(key, this.#now());
  }

  #forget(): void {
    for (const [key, atMs] of this.#delivered) {
      if (this.#delivered.size <= this.#max && this.#now() - atMs < this.#keepMs) return;
      this.#delivered.delete(key);
    }
  }
}
