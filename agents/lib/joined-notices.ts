import type { Notice, SideNotices } from "./side-notices.ts";

/** At ten products a second, three notices are one message. Dispatchers and auditors wait for seconds before they miss one. */
const joinMsDefault = 250;

export interface JoinedNoticesOptions<T> {
  readonly notices: Pick<SideNotices, "send" | "pending" | "drained">;
  /** Things in one message at most. */
  readonly max: number;
  /** One message that reports them, oldest first. */
  readonly compose: (things: readonly [T, ...T[]]) => Notice;
  readonly joinMs?: number | undefined;
}

/** Reports several things in one message: each waits for those that come within `joinMs`. What waits when the process is killed is not sent. */
export class JoinedNotices<T> {
  readonly #options: JoinedNoticesOptions<T>;
  #waiting: T[] = [];
  #flushes: NodeJS.Timeout | undefined;

  constructor(options: JoinedNoticesOptions<T>) {
    this.#options = options;
  }

  /** Messages that the broker does not have yet. */
  get pending(): number {
    return this.#options.notices.pending + (this.#waiting.length > 0 ? 1 : 0);
  }

  add(thing: T): void {
    this.#waiting.push(thing);
    if (this.#waiting.length >= this.#options.max) this.#flush();
    else this.#flushes ??= setTimeout(() => this.#flush(), this.#options.joinMs ?? joinMsDefault);
  }

  /** Resolves once the broker has all of them, it can't be reached, or `deadline` aborts. */
  async drained(deadline: AbortSignal): Promise<void> {
    this.#flush();
    await this.#options.notices.drained(deadline);
  }

  #flush(): void {
    clearTimeout(this.#flushes);
    this.#flushes = undefined;
    const [first, ...others] = this.#waiting;
    this.#waiting = [];
    if (first !== undefined) this.#options.notices.send(this.#options.compose([first, ...others]));
  }
}
