import { type LogEvent, logEvents } from "../../agents/lib/log-events.ts";
import { always, render, run } from "../../infra/commands/command.ts";
import { hostsOf } from "../../scripts/lab/send-products.ts";
import { median } from "../../scripts/lib/statistics.ts";
import type { Scene } from "./scene.ts";

/** What hosts said of a take-over, each by its own clock: in a lab they all have the machine's. Milliseconds since 1970. */
export interface Mark {
  readonly step: StepName;
  readonly atMs: number;
}

/** Milliseconds from a fault to each step of the take-over that followed, in the order in which they happened. */
export type Steps = Partial<Record<StepName, number>>;

interface Step {
  /** Of a broker. */
  readonly says?: RegExp;
  /** Of an agent. */
  readonly event?: LogEvent;
  /** The key of an agent's line with the milliseconds by which the step was before it. */
  readonly before?: string;
  /** Of several hosts or queues that say it; `last`: nobody is done before all are. */
  readonly which: "first" | "last";
  readonly by: "broker" | "dispatcher" | "announcer";
}

/** Where the time of a take-over goes. Each is one line in the journal of an agent, or in the log of a broker. */
const table = {
  "node missed": { by: "broker", which: "last", says: /rabbit on node rabbit@\S+ down/ },
  "leaders elected": { by: "broker", which: "last", says: /queue 'cmc\.urp\.\S+' in vhost '\S+': .*-> leader/ },
  "address held": { by: "dispatcher", which: "first", event: logEvents.addressHeld },
  "announcer lost": { by: "announcer", which: "last", event: logEvents.brokerLost },
  "announcer back": { by: "announcer", which: "last", event: logEvents.brokerConnected },
  "first delivery": { by: "dispatcher", which: "first", event: logEvents.takenOver, before: "sinceDeliveryMs" },
  "first decision": { by: "dispatcher", which: "first", event: logEvents.takenOver },
} as const satisfies Record<string, Step>;

export type StepName = keyof typeof table | "first dispatched";

const entries = Object.entries(table) as [keyof typeof table, Step][];

/** A broker's line: `2026-11-27 16:22:01.123456+00:00 [info] <0.1.0> …`. */
const brokerLine = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{3})\d*([+-]\d\d:\d\d) \[\w+\] \S+ (.*)$/;

/** Marks in what a host has said: lines of agents, which are JSON, and of a broker, among others. */
export function readMarks(text: string): Mark[] {
  return text.split("\n").flatMap((line) => {
    const said = line.startsWith("{") ? readAgent(line) : readBroker(line);
    if (!said) return [];
    return entries.flatMap(([step, { by, says, event, before }]) => {
      const isIt = by === said.by && (says?.test(said.text) ?? said.event === event);
      return isIt ? [{ step, atMs: said.atMs - Number(before === undefined ? 0 : said.fields[before]) }] : [];
    });
  });
}

/** The steps of one take-over among all marks. What was said before the fault, and after the first product, belongs to others. */
export function stepsOf(marks: readonly Mark[], faultMs: number, firstDispatchedMs: number): Steps {
  const steps: [StepName, number][] = entries.flatMap(([step, { which }]) => {
    const times = marks
      .filter((mark) => mark.step === step && mark.atMs >= faultMs && mark.atMs <= firstDispatchedMs + lateMs)
      .map(({ atMs }) => atMs - faultMs);
    if (times.length === 0) return [];
    return [[step, which === "first" ? Math.min(...times) : Math.max(...times)]];
  });
  steps.push(["first dispatched", firstDispatchedMs - faultMs]);
  return inOrder(steps);
}

/** Some lines are written a little after what they tell of. */
const lateMs = 500;

/** E.g. `leaders elected 0.52, address held 0.71`. */
export const describeSteps = (steps: Steps): string =>
  Object.entries(steps)
    .map(([step, ms]) => `${step} ${(ms / 1000).toFixed(2)}`)
    .join(", ");

/** Of each step, where it was seen. */
export function medianSteps(all: readonly Steps[]): Steps {
  const names = [...new Set(all.flatMap((steps) => Object.keys(steps) as StepName[]))];
  return inOrder(names.map((name) => [name, median(all.flatMap((steps) => steps[name] ?? []))]));
}

const inOrder = (steps: readonly [StepName, number][]): Steps =>
  Object.fromEntries(steps.toSorted(([, one], [, other]) => one - other));

/** Asks brokers' hosts and radar servers, when all is whole, what they said since a fault; its own brokers' words are about others. */
export async function askSteps(scene: Scene, fault: Struck, firstDispatchedMs: number): Promise<Steps> {
  const { faultMs, hosts } = fault;
  const { config, members } = scene;
  const since = `@${Math.floor(faultMs / 1000)}`;
  const journal = (unit: string) => run("journalctl", "--quiet", "--output=cat", `--unit=${unit}`, `--since=${since}`);
  const asked = [
    ...members.map((host) => {
      const log = run("tail", "--lines=2000", `/var/log/rabbitmq/rabbit@${host}.log`);
      const ownWords = journal("warren-dispatcher");
      return scene.on(host, render(hosts.includes(host) ? ownWords : always(ownWords, log)));
    }),
    ...hostsOf(config, "urp").map((host) => scene.on(host, render(journal("warren-announcer")))),
  ];
  return stepsOf((await Promise.all(asked)).flatMap(readMarks), faultMs, firstDispatchedMs);
}

export interface Struck {
  readonly faultMs: number;
  readonly hosts: readonly string[];
}

interface Said {
  readonly by: Step["by"];
  readonly text: string;
  readonly event?: unknown;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly atMs: number;
}

function readAgent(line: string): Said | undefined {
  try {
    const { agent, event, time, ...fields } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (agent !== "dispatcher" && agent !== "announcer") return undefined;
    return { by: agent, text: "", event, fields, atMs: Date.parse(String(time)) };
  } catch {
    // A line that the journal has cut tells nothing.
    return undefined;
  }
}

function readBroker(line: string): Said | undefined {
  const [, day, time, zone, text = ""] = brokerLine.exec(line) ?? [];
  return day === undefined ? undefined : { by: "broker", text, fields: {}, atMs: Date.parse(`${day}T${time}${zone}`) };
}
