import { createHash } from "node:crypto";

/** What is known of a content; `key` is for `end`. */
export interface Twin {
  readonly state: "known" | "underway" | "new";
  readonly key: string;
}

/**
 * What was sent lately, byte for byte. A content is known once it is delivered: noted before, a file whose delivery failed would count as
 * its own duplicate.
 */
export class Duplicates {
  readonly #keepMs: number;
  readonly #max: number;
  readonly #now: () => number;
  /** By md5 of the content: when it was delivered. Oldest first. */
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

  /** `known`: delivered before; `underway`: the same content is on its way, so this one has to wait; else it is on its way from now on. */
  begin(content: Uint8Array): Twin {
    return this.beginKey(createHash("md5").update(content).digest("hex"));
  }

  /** As `begin`, by the md5 of the content in hex. */
  beginKey(key: string): Twin {
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
