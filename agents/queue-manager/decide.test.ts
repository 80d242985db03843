import { expect, test } from "vitest";
import { configSchema } from "./config.ts";
import { classify, decide, keyOf, type Watched } from "./decide.ts";
import type { QueueFacts } from "./queue-facts.ts";

const config = configSchema.parse({
  management: { urls: ["http://b"], user: "u", passwordFile: "p" },
  metrics: { port: 1 },
  keep: ["^mine"],
  classes: [
    { name: "partners", pattern: "^partner\\.", messagesMax: 100_000 },
    { name: "clients", pattern: "^(?!other)", warnAfterSeconds: 60, unbindAfterSeconds: 120, deleteAfterSeconds: 240 },
  ],
});
const rules = { classOf: classify(config), intervalSeconds: 60 };

const full = (more: Partial<QueueFacts> = {}): QueueFacts => ({
  ...{ vhost: "/", name: "q", type: "classic", consumers: 0, messages: 25_001, bytes: 1, uses: 7 },
  ...{ durable: true, arguments: {}, ...more },
});

/** Polls the queue that `queueAt` returns every minute, and takes the steps that are due. */
function watch(minutes: number, queueAt: (minute: number) => QueueFacts | "unknown") {
  let watched: ReadonlyMap<string, Watched> = new Map();
  const steps: string[] = [];
  for (let minute = 0; minute <= minutes; minute += 1) {
    const queue = queueAt(minute);
    const unknown = queue === "unknown" ? [{ vhost: "/", name: "q" }] : [];
    const queues = queue === "unknown" ? [] : [queue];
    const decision = decide({ queues, unknown, nowMs: minute * 60_000 }, watched, rules);
    const next = new Map(decision.watched);
    for (const { step, queue: acted, watched: known } of decision.actions) {
      steps.push(`${minute} ${step}`);
      const binding = { source: "x", routingKey: "#", arguments: {} };
      if (step === "warn") next.set(keyOf(acted), { ...known, stage: "warned" });
      else if (step === "unbind") next.set(keyOf(acted), { ...known, stage: "unbound", bindings: [binding] });
      else next.delete(keyOf(acted));
    }
    watched = next;
  }
  return { steps, watched };
}

test("a queue that is unused and over its limit is warned about, unbound and deleted, each after its time", () => {
  expect(watch(4, () => full()).steps).toEqual(["1 warn", "2 unbind", "4 delete"]);
});

test.each([
  ["at its limit of messages", full({ messages: 25_000, bytes: 50_000_000 }), []],
  ["over its limit of bytes", full({ messages: 1, bytes: 50_000_001 }), ["1 warn"]],
  ["with a consumer", full({ consumers: 1 }), []],
  ["with a name like the system's", full({ name: "cmc.urp.input" }), ["1 warn"]],
  ["that is to be kept", full({ name: "mine" }), []],
  ["of another class, below its limit", full({ name: "partner.x" }), []],
  ["of no class", full({ name: "other" }), []],
])("a queue %s", (_, queue, steps) => {
  expect(watch(1, () => queue).steps).toEqual(steps);
});

test("a client that only gets messages, without subscribing, uses the queue", () => {
  expect(watch(10, (minute) => full({ uses: minute })).steps).toEqual([]);
});

test("a queue that was used at one poll starts from scratch", () => {
  const { steps } = watch(4, (minute) => full({ consumers: minute === 1 ? 1 : 0 }));
  expect(steps).toEqual(["3 warn", "4 unbind"]);
});

test("a client that returns to an unbound queue gets its bindings back, and the time starts again", () => {
  const { steps } = watch(5, (minute) => full({ consumers: minute === 3 ? 1 : 0 }));
  expect(steps).toEqual(["1 warn", "2 unbind", "3 bind-again", "5 warn"]);
});

test("bindings that could not be restored yet stay remembered, and nothing is deleted", () => {
  const binding = { source: "x", routingKey: "#", arguments: {} };
  const known: Watched = {
    ...{ vhost: "/", name: "q", unusedMs: 239_000, seenMs: 0, uses: 7 },
    ...{ stage: "unbound", bindings: [binding] },
  };
  const first = decide(
    { queues: [full({ consumers: 1 })], unknown: [], nowMs: 60_000 },
    new Map([[keyOf(known), known]]),
    rules,
  );
  expect(first.actions.map(({ step }) => step)).toEqual(["bind-again"]);
  const second = decide({ queues: [full()], unknown: [], nowMs: 120_000 }, first.watched, rules);
  expect(second.actions.map(({ step }) => step)).toEqual(["warn"]);
  const empty = decide({ queues: [full({ messages: 0 })], unknown: [], nowMs: 120_000 }, first.watched, rules);
  expect(empty.actions.map(({ step, watched }) => [step, watched.bindings])).toEqual([["bind-again", [binding]]]);
});

test("an unbound queue is not bound again because its messages expire", () => {
  const { steps } = watch(4, (minute) => full({ messages: minute > 2 ? 0 : 30_000 }));
  expect(steps).toEqual(["1 warn", "2 unbind", "4 delete"]);
});

test("a queue that is emptied before it is unbound is forgotten", () => {
  expect(watch(3, (minute) => full({ messages: minute > 1 ? 0 : 30_000 })).watched.size).toBe(0);
});

test("while a queue's state is unknown nothing is done or forgotten, and the time doesn't count", () => {
  const { steps } = watch(9, (minute) => (minute >= 2 && minute <= 6 ? "unknown" : full()));
  expect(steps).toEqual(["1 warn", "8 unbind"]);
});

test("time without polls, or in which the clock was set, does not count", () => {
  const seen = decide({ queues: [full()], unknown: [], nowMs: 0 }, new Map(), rules).watched;
  const later = (nowMs: number) =>
    decide({ queues: [full()], unknown: [], nowMs }, seen, rules).watched.get(keyOf(full()));
  expect(later(60_000)?.unusedMs).toBe(60_000);
  expect(later(180_001)?.unusedMs).toBe(0);
  expect(later(-1)?.unusedMs).toBe(0);
});
