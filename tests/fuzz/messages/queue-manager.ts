import fc from "fast-check";
import type { Rig } from "../rig.ts";
import { describe, inRig } from "../run.ts";
import { draw, indicesOf, isValidIndex } from "../seeds.ts";
import type { BrokerRunner, FuzzOptions } from "../subject.ts";
import { oddJson, oddNames, oddNumbers } from "../values/texts.ts";
import { show } from "./draft.ts";
import { FakeManagement, type FakeQueue } from "./fake-management.ts";

const name = "queue-manager-answers";
const production = "cmc.";
/** Number of lists answered in full: enough for each of the manager's steps to get an odd answer. */
const roundsMin = 6;
/** Long enough for a busy machine, although one list in three can't be read. */
const intervalSeconds = 3;

/** A config with which the manager takes a step with each list. */
export function queueManagerConfig({ brokerSettings }: Rig, url: string, intervalSeconds: number) {
  const { user, passwordFile } = brokerSettings;
  const times = { warnAfterSeconds: 1, unbindAfterSeconds: 1, deleteAfterSeconds: 1 };
  return {
    management: { urls: [url], user, passwordFile, requestTimeoutMs: 2000 },
    keep: [`^${production.replace(".", "\\.")}`],
    intervalSeconds,
    stepsMax: 10_000,
    classes: [{ name: "all", pattern: "", messagesMax: 0, ...times }],
  };
}

type Entries = Record<string, string>;

/** A queue's values as JSON. The manager acts only on queues with messages. */
const entriesOf = (own: string, messages: number): Entries => ({
  ...{ vhost: '"/"', name: JSON.stringify(own), type: '"classic"', exclusive: "false", durable: "true" },
  ...{ arguments: "{}", state: '"running"', consumers: "0", messages: String(messages), message_bytes: "100" },
  message_stats: '{"deliver_get":0}',
});

const jsonNumbers = oddNumbers.map((text) =>
  Number.isFinite(Number(text)) && text !== "" ? String(Number(text)) : JSON.stringify(text),
);
const values = fc.oneof(
  oddJson.filter(isJson),
  jsonNumbers,
  oddNames.map((text) => JSON.stringify(text)),
);
const hostile = fc.record({
  changes: fc.array(
    fc.record({
      key: fc.constantFrom(...Object.keys(entriesOf("", 0)), "__proto__", "constructor", "x"),
      value: fc.option(values, { freq: 5 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
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
  if (isValidIndex(index)) {
    const bindings = JSON.stringify([{ source: "x", routing_key: "#", properties_key: "%23", arguments: {} }]);
    const own = { index, what: "valid", isValid: true, name: `q-${index}` };
    return { ...own, item: textOf(entriesOf(own.name, 5)), bindings, deletion: { status: 204, body: "" } };
  }
  const { changes, isFull, bindings, deletion, isProduction } = draw(hostile, seed, index);
  const own = `${isProduction ? production : ""}h-${index}`;
  const entries = entriesOf(own, isFull || isProduction ? 5 : 0);
  for (const { key, value } of changes) {
    if (value === null) delete entries[key];
    else Object.defineProperty(entries, key, { value, enumerable: true, configurable: true, writable: true });
  }
  const what = changes.map(({ key, value }) => `${key}: ${value === null ? "left out" : show(value)}`).join("; ");
  return { index, what, isValid: false, name: nameIn(entries, own), item: textOf(entries), bindings, deletion };
}

/** The name under which the manager requests it. */
function nameIn({ name: text }: Entries, own: string): string {
  const value: unknown = text === undefined ? undefined : JSON.parse(text);
  return typeof value === "string" && value !== "" ? value : own;
}

function textOf(entries: Entries): string {
  const members = Object.entries(entries).map(([key, value]) => `${JSON.stringify(key)}:${value}`);
  return `{${members}}`;
}

/** Answers of a management API: valid full queues are deleted once, the system's own never, whatever the other answers are. */
export const queueManagerAnswersRunner: BrokerRunner = {
  name,
  summary: "the management API's answers: items of queues, complete answers",
  run: (broker, options) => inRig(name, broker, options, (rig) => runAnswers(rig, options)),
};

async function runAnswers(rig: Rig, options: FuzzOptions) {
  const { seed, count, progress } = options;
  const all = [...indicesOf(options)].map((index) => makeQueue(seed, index));
  const valid = all.filter((queue) => queue.isValid);
  const fake = new FakeManagement(all, seed);
  await fake.start(rig.cleanup);
  await rig.start("queue-manager", queueManagerConfig(rig, fake.url, intervalSeconds));
  const waiting = (): number => {
    const left = valid.filter((queue) => !fake.deleted.has(queue.name)).length;
    progress(Math.round((count * (valid.length - left)) / Math.max(1, valid.length)));
    return left + Math.max(0, roundsMin - fake.rounds);
  };
  const stopped = await rig.until(waiting, () => rig.linesSeen);
  const findings = stopped === undefined ? [] : [`the manager stopped polling lists: ${stopped}`];
  for (const queue of all) {
    const times = fake.deleted.get(queue.name) ?? 0;
    const finding = `deleted ${times} times, ${queue.name}: ${describe(name, seed, queue)}`;
    if (queue.isValid && times !== 1) findings.push(finding);
    if (queue.name.startsWith(production) && times > 0) findings.push(`a queue of the system was ${finding}`);
  }
  return { cameOut: valid.filter((queue) => fake.deleted.get(queue.name) === 1).length, refused: 0, findings };
}
