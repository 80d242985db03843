import type { FlowEvent } from "./page/client.ts";
import { difference } from "./patch.ts";
import type { FlowView } from "./view.ts";

/** An event must be small: beyond this, browsers fetch the complete view, compressed. */
export const eventBytesMax = 4000;

/** The current view, and what changed: made once for all browsers. */
export class Hub {
  readonly #listeners = new Set<(text: string) => void>();
  #view: FlowView;
  #sequence = 0;

  constructor(view: FlowView) {
    this.#view = view;
  }

  get view(): FlowView {
    return this.#view;
  }

  get sequence(): number {
    return this.#sequence;
  }

  get listenersCount(): number {
    return this.#listeners.size;
  }

  /** Sends the difference to all browsers; one without a change tells them that the monitor is there. @returns the event's bytes */
  publish(view: FlowView, nowMs: number): number {
    const patch = difference(this.#view, view);
    this.#view = view;
    if (patch !== undefined) this.#sequence += 1;
    const event = this.#event(nowMs, patch);
    for (const listener of this.#listeners) listener(event);
    return Buffer.byteLength(event);
  }

  /** @param after number of the view that the browser has @returns the first event, and how to stop */
  listen(after: number, listener: (text: string) => void, nowMs: number): { readonly first: string; stop(): void } {
    this.#listeners.add(listener);
    const event: FlowEvent = { sequence: this.#sequence, ageMs: this.ageMs(nowMs) };
    const first = after === this.#sequence ? event : ({ ...event, reload: true } satisfies FlowEvent);
    return { first: asText(first), stop: () => this.#listeners.delete(listener) };
  }

  /** How old the view is; a view that was never filled is as old as can be. */
  ageMs(nowMs: number): number {
    return this.#view.atMs === 0 ? 0 : Math.max(0, nowMs - this.#view.atMs);
  }

  #event(nowMs: number, patch: unknown): string {
    const event: FlowEvent = { sequence: this.#sequence, ageMs: this.ageMs(nowMs) };
    const full = asText(patch === undefined ? event : { ...event, patch });
    return Buffer.byteLength(full) > eventBytesMax ? asText({ ...event, reload: true }) : full;
  }
}

const asText = (event: FlowEvent): string => `data: ${JSON.stringify(event)}\n\n`;
