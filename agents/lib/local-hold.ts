import type { LocalFault } from "./receiver-queue.ts";

export interface LocalHoldEvents {
  localFault(fault: LocalFault): void;
  localCleared(): void;
}

/** Whether this host accepts products. A fault is reported once, until a product is placed again. */
export class LocalHold {
  readonly #events: LocalHoldEvents;
  #fault: LocalFault | undefined;

  constructor(events: LocalHoldEvents) {
    this.#events = events;
  }

  /** Undefined while products are accepted. */
  get fault(): LocalFault | undefined {
    return this.#fault;
  }

  tell(fault: LocalFault): void {
    const isKnown = this.#fault?.code === fault.code;
    this.#fault = fault;
    if (!isKnown) this.#events.localFault(fault);
  }

  clear(): void {
    if (!this.#fault) return;
    this.#fault = undefined;
    this.#events.localCleared();
  }
}
