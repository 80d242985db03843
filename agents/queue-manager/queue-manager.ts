import { setTimeout as delay } from "node:timers/promises";
import { type AuditEvent, type AuditLine, auditLine } from "./audit.ts";
import type { Config } from "./config.ts";
import { type Action, classify, decide, isTooFull, isUsed, keyOf, type Step, type Watched } from "./decide.ts";
import type { ManagementApi, QueueList } from "./management-api.ts";
import type { Binding, QueueFacts } from "./queue-facts.ts";

/** What the queue manager needs from outside. */
export interface QueueManagerPorts {
  readonly api: Pick<ManagementApi, "queues" | "queue" | "bindings" | "unbind" | "bind" | "deleteUnused">;
  /** Resolves when it is on disk. */
  readonly audit: (line: AuditLine) => Promise<void>;
  readonly save: (watched: ReadonlyMap<string, Watched>) => Promise<void>;
  readonly now: () => number;
  readonly events: QueueManagerEvents;
}

export interface QueueManagerEvents {
  audited(line: AuditLine): void;
  /** All queues were polled. */
  polled(queues: QueueList, watched: ReadonlyMap<string, Watched>): void;
  /** A poll or a step failed; the next round retries it. */
  failed(what: string, error: Error): void;
}

/** Polls all queues at intervals, and takes the next step for those that are unused and over their limits. */
export class QueueManager {
  readonly #config: Config;
  readonly #ports: QueueManagerPorts;
  readonly #rules: Parameters<typeof decide>[2];
  #watched: Map<string, Watched>;

  constructor(config: Config, ports: QueueManagerPorts, watched: ReadonlyMap<string, Watched>) {
    this.#config = config;
    this.#ports = ports;
    this.#rules = { classOf: classify(config), intervalSeconds: config.intervalSeconds };
    this.#watched = new Map(watched);
  }

  /** Runs until the signal aborts; resolves when the last round has ended. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.round(signal);
      await delay(this.#config.intervalSeconds * 1000, undefined, { signal }).catch(() => {});
    }
  }

  /** One poll and its steps. Never rejects: failures are reported, and the next round retries them. */
  async round(signal: AbortSignal): Promise<void> {
    const { api, events, now, save } = this.#ports;
    try {
      const lists: QueueList[] = [];
      for (const vhost of this.#config.vhosts) lists.push(await api.queues(vhost));
      const list = { queues: lists.flatMap(({ queues }) => queues), unknown: lists.flatMap(({ unknown }) => unknown) };
      const { actions, watched } = decide({ ...list, nowMs: now() }, this.#watched, this.#rules);
      this.#watched = new Map(watched);
      await save(this.#watched);
      events.polled(list, this.#watched);
      await this.#act(actions, signal);
    } catch (error) {
      if (!signal.aborted) events.failed("polling the queues", error as Error);
    }
  }

  async #act(actions: readonly Action[], signal: AbortSignal): Promise<void> {
    let left = this.#config.stepsMax;
    for (const action of actions) {
      if (signal.aborted) return;
      const isHarmless = action.step === "warn" || action.step === "bind-again";
      if (!isHarmless && left-- <= 0) continue;
      try {
        await this.#steps[action.step](action);
        await this.#ports.save(this.#watched);
      } catch (error) {
        if (!signal.aborted) this.#ports.events.failed(`${action.step} of ${action.queue.name}`, error as Error);
      }
    }
  }

  readonly #steps: Readonly<Record<Step, (action: Action) => Promise<void>>> = {
    warn: async (action) => {
      await this.#audit("warned", action);
      this.#set(action, { stage: "warned" });
    },
    unbind: async (action) => {
      if (this.#config.dryRun) await this.#audit("would unbind", action);
      else if (!(await this.#unbind(action))) return;
      this.#set(action, { stage: "unbound" });
    },
    delete: async (action) => {
      if (!this.#config.dryRun) return this.#delete(action);
      await this.#audit("would delete", action);
      this.#set(action, { stage: "stuck" });
    },
    "bind-again": async (action) => {
      const { vhost, name } = action.queue;
      for (const binding of action.watched.bindings) await this.#ports.api.bind(vhost, name, binding);
      await this.#audit("bound again", action);
      this.#watched.delete(keyOf(action.queue));
    },
  };

  async #unbind(action: Action): Promise<boolean> {
    const { api, save } = this.#ports;
    const { vhost, name } = action.queue;
    if (!(await this.#isStillUnused(action))) return false;
    const found = await api.bindings(vhost, name);
    if (found === "unreadable") {
      // It continues to fill, and is deleted after the same time.
      await this.#audit("kept bound", action, { reason: "the broker can't list its bindings" });
      return true;
    }
    const removable = found
      .filter(({ tooDeep }) => tooDeep === undefined)
      .map(({ source, routingKey, arguments: own }) => ({ source, routingKey, arguments: own }));
    // Remembered before they are removed, so that a client that returns gets them back whatever happens in between.
    const bindings = joined(action.watched.bindings, removable);
    await this.#audit("unbinding", action, { bindings });
    this.#set(action, { bindings });
    await save(this.#watched);
    for (const binding of found) await api.unbind(vhost, name, binding);
    await this.#audit("unbound", action, { bindings });
    return true;
  }

  async #delete(action: Action): Promise<void> {
    const { vhost, name } = action.queue;
    if (!(await this.#isStillUnused(action))) return;
    await this.#audit("deleting", action);
    const outcome = await this.#ports.api.deleteUnused(vhost, name);
    if (outcome === "used") return this.#audit("kept", action, { reason: "a client has just subscribed" });
    if (outcome === "unsupported") {
      const reason = `RabbitMQ has no if-unused deletion for ${action.queue.type} queues: delete it by hand if it is not needed`;
      await this.#audit("kept", action, { reason });
      this.#set(action, { stage: "stuck" });
      return;
    }
    await this.#audit("deleted", action, outcome === "gone" ? { reason: "it was already gone" } : {});
    this.#watched.delete(keyOf(action.queue));
  }

  /** Checks once more right before a destructive step. If the queue is in use, the next poll decides. */
  async #isStillUnused({ queue, watched, step }: Action): Promise<boolean> {
    const found = await this.#ports.api.queue(queue.vhost, queue.name);
    if (found === "gone" || found === "unknown" || isUsed(found, watched)) return false;
    return step === "delete" || this.#isTooFull(found);
  }

  #isTooFull(queue: QueueFacts): boolean {
    const own = this.#rules.classOf(queue.name);
    return own !== undefined && isTooFull(queue, own);
  }

  #set({ queue }: Action, change: Partial<Watched>): void {
    const key = keyOf(queue);
    const known = this.#watched.get(key);
    if (known) this.#watched.set(key, { ...known, ...change });
  }

  async #audit(event: AuditEvent, action: Action, more: { bindings?: readonly Binding[]; reason?: string } = {}) {
    const line = auditLine(event, action, { nowMs: this.#ports.now(), ...more });
    await this.#ports.audit(line);
    this.#ports.events.audited(line);
  }
}

function joined(known: readonly Binding[], found: readonly Binding[]): readonly Binding[] {
  const all = [...known, ...found].map((binding) => [JSON.stringify(binding), binding] as const);
  return [...new Map(all).values()];
}
