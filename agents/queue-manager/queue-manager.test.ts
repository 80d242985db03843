import { expect, test } from "vitest";
import type { AuditLine } from "./audit.ts";
import { type Config, configSchema } from "./config.ts";
import { keyOf, type Watched } from "./decide.ts";
import type { QueueFacts } from "./queue-facts.ts";
import { QueueManager, type QueueManagerPorts } from "./queue-manager.ts";

const config = configSchema.parse({
  management: { urls: ["http://b"], user: "u", passwordFile: "p" },
  metrics: { port: 1 },
  keep: [],
  classes: [{ name: "c", pattern: "", warnAfterSeconds: 60, unbindAfterSeconds: 120, deleteAfterSeconds: 180 }],
});
const binding = { source: "x", routingKey: "a.#", arguments: {} };
const signal = new AbortController().signal;

/** A manager of queues in memory, with a round every minute and a log of events in order. The broker test has real queues. */
function arrange(settings: Partial<Config> = {}, api: Partial<QueueManagerPorts["api"]> = {}) {
  const queues = new Map<string, QueueFacts>();
  const log: string[] = [];
  let saved: readonly Watched[] = [];
  let nowMs = 0;
  const ports: QueueManagerPorts = {
    api: {
      queues: async () => ({ queues: [...queues.values()], unknown: [] }),
      queue: async (_, name) => queues.get(name) ?? "gone",
      bindings: async () => [{ ...binding, propertiesKey: "a.%23" }],
      unbind: async (_, name, { propertiesKey }) => void log.push(`unbind ${name} ${propertiesKey}`),
      bind: async (_, name, { routingKey }) => void log.push(`bind ${name} ${routingKey}`),
      deleteUnused: async (_, name) => {
        log.push(`delete ${name}`);
        return queues.delete(name) ? "deleted" : "gone";
      },
      ...api,
    },
    audit: async ({ event, queue }: AuditLine) => void log.push(`${event}: ${queue}`),
    save: async (watched) => {
      saved = [...watched.values()];
    },
    now: () => nowMs,
    events: {
      audited: () => {},
      polled: () => {},
      failed: (what, error) => log.push(`failed ${what}: ${error.message}`),
    },
  };
  const manager = (watched = new Map<string, Watched>()) =>
    new QueueManager({ ...config, ...settings }, ports, watched);
  const put = (name: string, more: Partial<QueueFacts> = {}) =>
    queues.set(name, {
      ...{ vhost: "/", name, type: "classic", consumers: 0, messages: 30_000, bytes: 1, uses: 0 },
      ...{ durable: true, arguments: {}, ...more },
    });
  const rounds = async (own: QueueManager, count: number) => {
    for (let round = 0; round < count; round += 1) {
      await own.round(signal);
      nowMs += 60_000;
    }
  };
  return { manager, queues, put, log, rounds, saved: () => new Map(saved.map((each) => [keyOf(each), each])) };
}

test("each step is in the audit file before it is taken, and its result after", async () => {
  const { manager, put, log, rounds, saved } = arrange();
  put("q");
  await rounds(manager(), 4);
  expect(log).toEqual([
    ...["warned: q", "unbinding: q", "unbind q a.%23", "unbound: q"],
    ...["deleting: q", "delete q", "deleted: q"],
  ]);
  expect(saved().size).toBe(0);
});

test("a dry run reports the same steps, each once, and takes none", async () => {
  const { manager, put, log, rounds } = arrange({ dryRun: true });
  put("q");
  await rounds(manager(), 8);
  expect(log).toEqual(["warned: q", "would unbind: q", "would delete: q"]);
});

test("the next process continues where the previous one stopped, and restores bindings that it removed", async () => {
  const { manager, put, log, rounds, saved } = arrange();
  put("q");
  await rounds(manager(), 3);
  log.length = 0;
  put("q", { consumers: 1 });
  await rounds(manager(saved()), 1);
  expect(log).toEqual(["bind q a.#", "bound again: q"]);
});

test("a process killed while unbinding has remembered the bindings", async () => {
  const { manager, put, log, rounds, saved } = arrange({}, { unbind: () => Promise.reject(new Error("killed")) });
  put("q");
  await rounds(manager(), 3);
  expect(log).toEqual(["warned: q", "unbinding: q", "failed unbind of q: killed"]);
  put("q", { consumers: 1 });
  await rounds(manager(saved()), 1);
  expect(log.slice(3)).toEqual(["bind q a.#", "bound again: q"]);
});

test("the queue of a client that comes between poll and step is left alone", async () => {
  const { manager, put, log, rounds } = arrange({}, { queue: async () => ({ ...(latest as QueueFacts) }) });
  let latest: QueueFacts | undefined;
  put("q");
  latest = { ...({} as QueueFacts), consumers: 1, uses: 0 };
  await rounds(manager(), 5);
  expect(log).toEqual(["warned: q"]);
});

test("a queue stays if the broker finds it used, or has no if-unused deletion for it", async () => {
  const used = arrange({}, { deleteUnused: async () => "used" });
  used.put("q");
  await used.rounds(used.manager(), 4);
  expect(used.log.slice(-2)).toEqual(["deleting: q", "kept: q"]);
  const quorum = arrange({}, { deleteUnused: async () => "unsupported" });
  quorum.put("q");
  await quorum.rounds(quorum.manager(), 8);
  expect(quorum.log.filter((line) => line === "kept: q")).toHaveLength(1);
});

test("a queue whose bindings the broker can't list keeps them, and is deleted after its time", async () => {
  const { manager, put, log, rounds } = arrange({}, { bindings: async () => "unreadable" });
  put("q");
  await rounds(manager(), 4);
  expect(log).toEqual(["warned: q", "kept bound: q", "deleting: q", "delete q", "deleted: q"]);
});

test("after one poll at most stepsMax queues are unbound or deleted; others wait for the next poll", async () => {
  const { manager, put, log, rounds } = arrange({ stepsMax: 2 });
  for (const name of ["a", "b", "c"]) put(name);
  const own = manager();
  await rounds(own, 3);
  expect(log.filter((line) => line.startsWith("unbound"))).toEqual(["unbound: a", "unbound: b"]);
  await rounds(own, 1);
  expect(log.filter((line) => line.startsWith("unbound") || line.startsWith("deleted"))).toHaveLength(4);
});

test("an unreachable broker is reported, and nothing is forgotten", async () => {
  let isAway = false;
  const { manager, put, log, rounds, queues } = arrange(
    {},
    {
      queues: async () => {
        if (isAway) throw new Error("no answer");
        return { queues: [...queues.values()], unknown: [] };
      },
    },
  );
  put("q");
  const own = manager();
  await rounds(own, 2);
  isAway = true;
  await rounds(own, 1);
  isAway = false;
  await rounds(own, 1);
  expect(log.slice(0, 3)).toEqual(["warned: q", "failed polling the queues: no answer", "unbinding: q"]);
});
