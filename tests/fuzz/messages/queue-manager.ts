import fc from "fast-check";
import type { BrokerRunner } from "../own-broker.ts";
import { draw, indicesOf, isValidTurn, validCount } from "../seeds.ts";
import type { FuzzOptions } from "../subject.ts";
import { FakeManagement, type FakeQueue } from "./fake-management.ts";
import { show } from "./mutations.ts";
import { oddFileNames, oddJson, oddNumbers } from "./odd-texts.ts";
import type { MessageRig } from "./rig.ts";
import { describe, inRig } from "./run.ts";

const name = "queue-manager-answers";
const production = "cmc.";

/** A step with each look: where an answer can't be read, the next look is still in time to go on from the one before. */
export function queueManagerConfig(rig: MessageRig, url: string) {
  return {
    management: {
      urls: [url],
      user: rig.broker.adminUser,
      passwordFile: rig.brokerSettings.passwordFile,
      requestTimeoutMs: 2000,
    },
    dryRun: false,
    intervalSeconds: 3,
    stepsMax: 10_000,
    classes: [
      { name: "all", pattern: "", messagesMax: 0, warnAfterSeconds: 1, unbindAfterSeconds: 1, deleteAfterSeconds: 1 },
    ],
  };
}

type Entries = Readonly<Record<string, string>>;

/** The values as JSON. One that is full, or not: the manager takes steps for the former alone. */
function entriesOf(name: string, messages: number): Entries {
  return {
    vhost: '"/"',
    name: JSON.stringify(name),
    type: '"classic"',
    exclusive: "false",
    durable: "true",
    arguments: "{}",
    state: '"running"',
    consumers: "0",
    messages: String(messages),
    message_bytes: "100",
    message_stats: '{"deliver_get":0}',
  };
}

const jsonNumbers = oddNumbers.map((text) =>
  Number.isFinite(Number(text)) && text !== "" ? String(Number(text)) : JSON.stringify(text),
);
const values = fc.oneof(
  oddJson.filter(isJson),
  jsonNumbers,
  oddFileNames.map((text) => JSON.stringify(text)),
);
const changes = fc.array(
  fc.record({
    key: fc.constantFrom(...Object.keys(entriesOf("", 0)), "__proto__", "constructor", "x"),
    value: fc.option(values, { freq: 5 }),
  }),
  { minLength: 1, maxLength: 3 },
);
const hostile = fc.record({
  changes,
  isFull: fc.nat(63).map((one) => one === 0),
  bindings: fc.oneof(values, fc.constant("[]")),
  deletion: fc.record({ status: fc.constantFrom(204, 204, 400, 404, 405, 500), body: values }),
  isProduction: fc.nat(9).map((one) => one === 0),
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

interface FuzzedQueue extends FakeQueue {
  readonly index: number;
  readonly what: string;
  readonly isValid: boolean;
}

function makeQueue(seed: number, index: number): FuzzedQueue {
  const binding = JSON.stringify([{ source: "x", routing_key: "#", properties_key: "%23", arguments: {} }]);
  if (isValidTurn(index)) {
    const item = textOf(entriesOf(`q-${index}`, 5));
    const deletion = { status: 204, body: "" };
    return { index, what: "valid", isValid: true, name: `q-${index}`, item, bindings: binding, deletion };
  }
  const { changes, isFull, bindings, deletion, isProduction } = draw(hostile, seed, index);
  const own = `${isProduction ? production : ""}h-${index}`;
  const entries: Record<string, string> = { ...entriesOf(own, isFull ? 5 : 0) };
  for (const { key, value } of changes) {
    if (value === null) delete entries[key];
    else Object.defineProperty(entries, key, { value, enumerable: true, configurable: true, writable: true });
  }
  const what = changes.map(({ key, value }) => `${key}: ${value === null ? "left out" : show(value)}`).join("; ");
  return { index, what, isValid: false, name: nameIn(entries, own), item: textOf(entries), bindings, deletion };
}

/** Under which it is asked for. */
function nameIn({ name }: Entries, own: string): string {
  const value: unknown = name === undefined ? undefined : JSON.parse(name);
  return typeof value === "string" && value !== "" ? value : own;
}

function textOf(entries: Entries): string {
  return `{${Object.entries(entries)
    .map(([key, value]) => `${JSON.stringify(key)}:${value}`)
    .join(",")}}`;
}

/** Answers of a management API: queues that are valid and full are deleted once, the system's own never, whatever else it says. */
export const queueManagerAnswersRunner: BrokerRunner = {
  name,
  summary: "the management API's answers: items of queues, whole answers",
  run: (broker, options) =>
    inRig(name, broker, options, async (run) => {
      const { rig, findings } = run;
      const { seed } = options;
      const all = [...indicesOf(options)].map((index) => makeQueue(seed, index));
      const fake = await FakeManagement.start(all, seed, rig.cleanup);
      await rig.start("queue-manager", queueManagerConfig(rig, fake.url));
      const valid = all.filter((queue) => queue.isValid);
      const settling = await rig.until(() => progressOf(options, fake, valid), { byLines: true });
      if (settling !== "settled") findings.push(`the manager looks no more: ${settling.stopped} (seed ${seed})`);
      for (const queue of valid) {
        const times = fake.deleted.get(queue.name) ?? 0;
        if (times !== 1) findings.push(`deleted ${times} times: ${describe(name, seed, queue)}`);
      }
      for (const queue of all) {
        if (queue.name.startsWith(production) && fake.deleted.has(queue.name))
          findings.push(`a queue of the system was deleted, ${queue.name}: ${describe(name, seed, queue)}`);
      }
      const cameOut = valid.filter((queue) => fake.deleted.get(queue.name) === 1).length;
      return { valid: validCount(options), cameOut, refused: 0 };
    }),
};

/** What is still to come: valid queues to be deleted, whole lists to be asked for. */
function progressOf({ count, progress }: FuzzOptions, fake: FakeManagement, valid: readonly FuzzedQueue[]): number {
  const left = valid.filter(({ name }) => !fake.deleted.has(name)).length;
  progress(Math.round((count * (valid.length - left)) / Math.max(1, valid.length)));
  return left + Math.max(0, roundsMin - fake.rounds);
}

/** Long enough for what is odd to be met by each step. */
const roundsMin = 6;
