import type { Answered } from "../lib/ask-json.ts";
import type { Log } from "../lib/log.ts";

export interface PollOptions<T> {
  readonly everyMs: number;
  readonly log: Log;
  /** Undefined if there is nothing to ask now. May reject: the reason is logged. */
  ask(): Promise<Answered<T> | undefined>;
  /** Not called after `stop`. If it throws, the answer counts as a fault. */
  onAnswer(value: T): void;
  /** Logged with the reason when answers stop. */
  readonly onFault: string;
}

/** Asks the local Prometheus at once and then again and again, one question at a time, and logs the first of equal results. */
export class PrometheusPoll<T> {
  readonly #options: PollOptions<T>;
  readonly #timer: NodeJS.Timeout;
  #stopped = false;
  #asking = false;
  #answers = true;

  constructor(options: PollOptions<T>) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#ask(), options.everyMs);
    void this.#ask();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#stopped = true;
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const { ask, onAnswer } = this.#options;
    try {
      const answered = await ask();
      if (this.#stopped || answered === undefined) return;
      if ("value" in answered) onAnswer(answered.value);
      this.#note("fault" in answered ? answered.fault : undefined);
    } catch (error) {
      this.#note((error as Error).message);
    } finally {
      this.#asking = false;
    }
  }

  #note(fault: string | undefined): void {
    const { log, onFault } = this.#options;
    if (fault !== undefined && this.#answers) log.warn({ reason: fault }, onFault);
    if (fault === undefined && !this.#answers) log.info("Prometheus answers again");
    this.#answers = fault === undefined;
  }
}
