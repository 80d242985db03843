import type { Host } from "./host.ts";

/** Where faults have struck: the kind of fault, and what the core was in the midst of. */
export class FaultPoints {
  readonly #seen = new Map<string, number>();

  /** The position is the core's state, the last effect it asked for, and whether publishes are under way. */
  hit(fault: string, host: Host): void {
    const { core, lastEffect } = host;
    if (!core) return;
    const point = `${fault} | ${core.state} | after ${lastEffect} | ${core.inFlight > 0 ? "in flight" : "idle"}`;
    this.#seen.set(point, (this.#seen.get(point) ?? 0) + 1);
  }

  get count(): number {
    return this.#seen.size;
  }

  /** Points with how often each was hit, most seldom first. */
  list(): readonly (readonly [string, number])[] {
    return [...this.#seen].sort((left, right) => left[1] - right[1]);
  }

  add(other: readonly (readonly [string, number])[]): void {
    for (const [point, times] of other) this.#seen.set(point, (this.#seen.get(point) ?? 0) + times);
  }
}
