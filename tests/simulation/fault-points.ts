import type { Host } from "./host.ts";

/** Where faults have struck: the kind of fault, and the state of the core. */
export class FaultPoints {
  readonly #seen = new Map<string, number>();

  /** A position is the core's state, its last effect, and whether publishes are in flight. */
  hit(fault: string, host: Host): void {
    const { core, lastEffect } = host;
    if (!core) return;
    const point = `${fault} | ${core.state} | after ${lastEffect} | ${core.inFlight > 0 ? "in flight" : "idle"}`;
    this.#seen.set(point, (this.#seen.get(point) ?? 0) + 1);
  }

  get count(): number {
    return this.#seen.size;
  }

  /** Points with their numbers of hits, rarest first. */
  list(): readonly (readonly [string, number])[] {
    return [...this.#seen].sort((left, right) => left[1] - right[1]);
  }

  add(other: readonly (readonly [string, number])[]): void {
    for (const [point, times] of other) this.#seen.set(point, (this.#seen.get(point) ?? 0) + times);
  }
}
