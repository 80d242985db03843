import { setTimeout as delay } from "node:timers/promises";
import { type AuditEvent, type AuditLine, auditLine } from "./audit.ts";
import type { Config } from "./config.ts";
import { type Action, classify, decide, isTooFull, isUsed, keyOf, type Step, type Watched } from "./decide.ts";
import type { ManagementApi, QueueList } from "./management-api.ts";
import type { Binding, QueueFacts } from "./queue-facts.ts";

/** The world as the queue manager needs it. */
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
  /** All queues were looked at. */
  looked(queues: QueueList, watched: ReadonlyMap<string, Watched>): void;
  /** A look, or a step, could not be made; it is made again after the next look. */
  failed(what: string, error: Error): void;
}

/** Looks at all queues again and again, and takes those that nobody uses and that are too full one step further. */
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

  /** Until the signal; resolves when nothing is under way any more. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.round(signal);
      await delay(this.#config.intervalSeconds * 1000, undefined, { signal }).catch(() => {});
    }
  }

  /** One look, and the steps that follow from it. Never rejects: what the world refuses is told, and made again by the next round. */
  async round(signal: AbortSignal): Promise<void> {
    const { api, events, now, save } = this.#ports;
    try {
      const lists: QueueList[] = [];
      for (const vhost of this.#config.vhosts) lists.push(await api.queues(vhost));
      const list = { queues: lists.flatMap(({ queues }) => queues), unknown: lists.flatMap(({ unknown }) => unknown) };
      const { actions, watched } = decide({ ...list, nowMs: now() }, this.#watched, this.#rules);
      this.#watched = new Map(watched);
      await save(this.#watched);
      events.looked(list, this.#watched);
      await this.#act(actions, signal);
    } catch (error) {
      if (!signal.aborted) events.failed("looking at the queues", error as Error);
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
      // It goes on to fill, and is deleted in its time all the same.
      await this.#audit("kept bound", action, { reason: "the broker can't tell its bindings" });
      return true;
    }
    const taken = found
      .filter(({ tooDeep }) => tooDeep === undefined)
      .map(({ source, routingKey, arguments: own }) => ({ source, routingKey, arguments: own }));
    // Remembered before they are taken off: a client that comes back gets them again whatever happens in between.
    const bindings = joined(action.watched.bindings, taken);
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
    if (outcome === "used") return this.#audit("kept", action, { reason: "somebody has just subscribed" });
    if (outcome === "unsupported") {
      const reason = `brokers don't delete ${action.queue.type} queues on condition that they are unused: by hand, if at all`;
      await this.#audit("kept", action, { reason });
      this.#set(action, { stage: "stuck" });
      return;
    }
    await this.#audit("deleted", action, outcome === "gone" ? { reason: "it was gone already" } : {});
    this.#watched.delete(keyOf(action.queue));
  }

  /** Asked once more right before a step that hurts; where not, the next look decides. */
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
