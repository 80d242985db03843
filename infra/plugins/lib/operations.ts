import type { EngineLog } from "./engine.ts";
import type { Operation } from "./handlers.ts";
import { type Declared, secretNames, textsToMask } from "./marks.ts";
import { maskFor } from "./masking.ts";
import type { PropertyMap } from "./values.ts";

/** The subject of an operation; `values` are all properties that it gets, with their secret marks. */
export interface Subject {
  readonly urn: string;
  readonly declared: Declared;
  readonly values: readonly PropertyMap[];
}

/** Runs handlers, and aborts them all at the engine's Cancel. */
export class Operations {
  readonly #log: EngineLog;
  readonly #cancelled = new AbortController();

  constructor(log: EngineLog) {
    this.#log = log;
  }

  /** Aborts running operations and refuses new ones. */
  cancel(): void {
    this.#cancelled.abort(new Error("cancelled by the engine"));
  }

  /** Errors are masked, and are thrown after the operation's log lines have reached the engine. */
  async run<Result>(subject: Subject, work: (operation: Operation) => Promise<Result>): Promise<Result> {
    this.#cancelled.signal.throwIfAborted();
    const fields = { ...subject.declared.computed, ...subject.declared.inputs };
    const mask = maskFor(subject.values.flatMap((values) => textsToMask(fields, values)));
    const operation: Operation = {
      name: subject.urn.split("::").slice(3).join("::"),
      // Its own: Node takes many listeners of one signal for a leak.
      signal: AbortSignal.any([this.#cancelled.signal]),
      secrets: new Set(subject.values.flatMap((values) => [...secretNames(values)])),
      log: (severity, message, options) =>
        this.#log.write({ severity, message: mask(message), urn: subject.urn, ...options }),
    };
    try {
      return await work(operation);
    } catch (error) {
      throw new Error(mask(error instanceof Error ? error.message : String(error)));
    } finally {
      await this.#log.flush();
    }
  }
}
