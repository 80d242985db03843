import { flushCompileCache } from "node:module";
import type { Log } from "./log.ts";
import { logEvents } from "./log-events.ts";
import type { SystemNotify } from "./system-notify.ts";

/** Why an agent stops: a signal, or an error. */
export type EndReason = { readonly signal: NodeJS.Signals } | { readonly error: Error };

/**
 * The life of one agent: `ready` once it can do its work, `status` as a text, and `ending`, which resolves at the first SIGTERM
 * or SIGINT or at `fail`. A second signal ends the process at once: whoever sends it does not want to wait for the drain.
 */
export class LifeCycle {
  readonly #log: Log;
  readonly #notify: SystemNotify;
  readonly #end = Promise.withResolvers<EndReason>();
  #isReady = false;
  #ending = false;
  #status = "starting";

  constructor(log: Log, notify: SystemNotify) {
    this.#log = log;
    this.#notify = notify;
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, this.#onSignal);
  }

  get ended(): Promise<EndReason> {
    return this.#end.promise;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get ending(): boolean {
    return this.#ending;
  }

  /** The config is valid and the broker session was set up once; until then systemd shows the unit as activating. */
  ready(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    this.#notify.send({ READY: "1" });
    const { user, system } = process.cpuUsage();
    this.#log.info({ event: logEvents.ready, cpuMs: (user + system) / 1000 }, "ready");
    // For the next start, also after a kill; does nothing if NODE_COMPILE_CACHE is not set.
    flushCompileCache();
  }

  status(text: string): void {
    if (text === this.#status) return;
    this.#status = text;
    this.#notify.send({ STATUS: text });
  }

  fail(error: Error): void {
    this.#begin({ error });
  }

  /** Removes the signal handlers, for a process that continues after the agent. */
  dispose(): void {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.off(signal, this.#onSignal);
  }

  #begin(reason: EndReason): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#notify.send({ STOPPING: "1", STATUS: "stopping: settling what is in flight" });
    this.#end.resolve(reason);
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.#ending) {
      this.#log.warn({ signal }, "second signal: exiting at once; what was in flight comes again");
      process.exit(signal === "SIGINT" ? 130 : 143);
    }
    this.#log.info({ signal }, "stopping: no new work, settling what is in flight");
    this.#begin({ signal });
  };
}
