import { type LogEvent, logEvents } from "../../agents/lib/log-events.ts";
import { always, render, run } from "../../infra/commands/command.ts";
import { hostsOf } from "../../scripts/lab/send-products.ts";
import { median } from "../../scripts/lib/statistics.ts";
import type { Scene } from "./scene.ts";

/** A log line about a takeover, timed by its host's clock: in a lab all hosts share the machine's. Milliseconds since 1970. */
export interface Mark {
  readonly step: StepName;
  readonly atMs: number;
}

/** Milliseconds from a fault to each step of the takeover, in order. */
export type Steps = Partial<Record<StepName, number>>;

interface Step {
  /** Text of a broker's line. */
  readonly pattern?: RegExp;
  /** Event of an agent's line. */
  readonly event?: LogEvent;
  /** Key in an agent's line: milliseconds between the step and the line. */
  readonly before?: string;
  /** For several hosts or queues; `last`: the step ends when all have logged it. */
  readonly which: "first" | "last";
  readonly by: "broker" | "dispatcher" | "announcer";
}

/** The steps of a takeover. Each is one line in an agent's journal or a broker's log. */
const table = {
  "node missed": { by: "broker", which: "last", pattern: /rabbit on node rabbit@\S+ down/ },
  "leaders elected": { by: "broker", which: "last", pattern: /queue 'cmc\.urp\.\S+' in vhost '\S+': .*-> leader/ },
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

/** Parses marks from a host's logs: JSON lines of agents, lines of a broker, others. */
export function readMarks(text: string): Mark[] {
  return text.split("\n").flatMap((line) => {
    const found = line.startsWith("{") ? readAgent(line) : readBroker(line);
    if (!found) return [];
    return entries.flatMap(([step, { by, pattern, event, before }]) => {
      const isIt = by === found.by && (pattern?.test(found.text) ?? found.event === event);
      return isIt ? [{ step, atMs: found.atMs - Number(before === undefined ? 0 : found.fields[before]) }] : [];
    });
  });
}

/** The steps of one takeover. Marks before the fault and after the first product belong to others. */
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

/** Some lines are written a little after their event. */
const lateMs = 500;

/** E.g. `leaders elected 0.52, address held 0.71`. */
export const describeSteps = (steps: Steps): string =>
  Object.entries(steps)
    .map(([step, ms]) => `${step} ${(ms / 1000).toFixed(2)}`)
    .join(", ");

/** Median of each step over the rounds that have it. */
export function medianSteps(all: readonly Steps[]): Steps {
  const names = [...new Set(all.flatMap((steps) => Object.keys(steps) as StepName[]))];
  return inOrder(names.map((name) => [name, median(all.flatMap((steps) => steps[name] ?? []))]));
}

const inOrder = (steps: readonly [StepName, number][]): Steps =>
  Object.fromEntries(steps.toSorted(([, one], [, other]) => one - other));

/** Reads the logs since a fault from brokers' hosts and radar servers, after recovery. The struck hosts' brokers log other events. */
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
    // The journal has truncated the line.
    return undefined;
  }
}

function readBroker(line: string): Said | undefined {
  const [, day, time, zone, text = ""] = brokerLine.exec(line) ?? [];
  return day === undefined ? undefined : { by: "broker", text, fields: {}, atMs: Date.parse(`${day}T${time}${zone}`) };
}
