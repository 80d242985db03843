import { globSync } from "node:fs";
import { expect, test } from "vitest";
import { configSchema as announcerSchema } from "../../agents/announcer/config.ts";
import { openTelemetry as announcerTelemetry } from "../../agents/announcer/telemetry.ts";
import { emptyMemory } from "../../agents/auditor/store-schema.ts";
import { openTelemetry as auditorTelemetry } from "../../agents/auditor/telemetry.ts";
import { openTelemetry as bridgeTelemetry } from "../../agents/bridge/telemetry.ts";
import { Sources } from "../../agents/dispatcher/sources.ts";
import type { DispatcherView } from "../../agents/dispatcher/status.ts";
import { Telemetry as DispatcherTelemetry } from "../../agents/dispatcher/telemetry.ts";
import { codecV00 } from "../../agents/lib/codec-v00.ts";
import {
  alternateTopicDefault,
  announcedTopicDefault,
  auditQueueAt,
  ledgerQueueAt,
  peersTopicDefault,
  pulledTopicDefault,
  twinTopicDefault,
} from "../../agents/lib/dispatch-topics.ts";
import { createLog } from "../../agents/lib/log.ts";
import { Metrics } from "../../agents/lib/metrics.ts";
import { formatTopic, replacePrefix } from "../../agents/lib/topics.ts";
import { deadLetterExchange, deadLetterQueue } from "../../agents/lib/topology.ts";
import { openTelemetry as pullerTelemetry } from "../../agents/puller/telemetry.ts";
import { metricsPorts, metricsPortsFrom } from "../../infra/model/agent-part.ts";
import { messageQueueOf } from "../../infra/model/agent-queues.ts";
import { settingsFile, sourcesFile } from "../../infra/model/apt.ts";
import { fixtureConfig, fixtureModel } from "../../infra/model/fixture.ts";
import { hostKeyPath } from "../../infra/model/host-key.ts";
import { pagePort } from "../../infra/model/monitor-page.ts";
import { checkout, pages, textOf } from "./pages.ts";

const model = fixtureModel(fixtureConfig());
const { announcements } = fixtureConfig();
/** Without the benches' tables, whose figures may look like ports. */
const all = [...pages, "docs/message-path.svg"]
  .map((page) => textOf(page).replace(/^<!-- tables of [\s\S]*?^<!-- end of the tables -->$/m, ""))
  .join("\n");

const matches = (expression: RegExp): string[] => [
  ...new Set([...all.matchAll(expression)].map((match) => match[1] ?? "")),
];

test("every unit that a page names is one of the model's", () => {
  const units = new Set(model.hosts.flatMap((host) => host.units.map((unit) => unit.name)));
  const named = matches(/(?:(?<!curl) -u|systemctl (?:show|status|stop)) ([a-z][\w.-]+)/g);
  expect(named.length).toBeGreaterThan(4);
  expect(named.filter((name) => !units.has(`${name.replace(/\.service$/, "")}.service`))).toEqual([]);
});

test("every agent that a page selects logs of is one of the model's", () => {
  const units = model.hosts.flatMap((host) => host.units.map(({ name }) => name.replace(/^warren-|\.service$/g, "")));
  const named = matches(/--agent ([\w,-]+)/g).flatMap((names) => names.split(","));
  expect(named.length).toBeGreaterThan(10);
  // `-NAME` stands for the name of a sender.
  const isKnown = (name: string) =>
    units.some((unit) => unit === name || (name.endsWith("-NAME") && unit.startsWith(name.slice(0, -"NAME".length))));
  expect(named.filter((name) => !isKnown(name))).toEqual([]);
});

test("every queue and key is the one that config and agents have", () => {
  const { inputQueue, pullQueue, inputTopic, notifyTopic } = announcements;
  const ledgers = ledgerQueueAt("HOST").replace(/\.HOST$/, "");
  const audits = auditQueueAt("HOST").replace(/\.HOST$/, "");
  const placed = (["receiver", "bridge"] as const).map((kind) => messageQueueOf(kind, "NAME").replace(/\.NAME$/, ""));
  const known = [inputQueue, pullQueue, ledgers, audits, ...placed, deadLetterQueue, deadLetterExchange];
  // Not the department's domain.
  expect(matches(/\b(cmc\.(?!ec\.gc\.ca)[a-z]+(?:\.[a-z]+)*)/g).filter((name) => !known.includes(name))).toEqual([]);
  const topics = matches(/\b(v00\.urp\.[a-z]+)/g);
  const shared = [
    announcedTopicDefault,
    alternateTopicDefault,
    peersTopicDefault,
    pulledTopicDefault,
    twinTopicDefault,
  ];
  expect(topics.toSorted()).toEqual([inputTopic, notifyTopic, ...shared].toSorted());
});

test("the ports of the metrics are the model's", () => {
  const both = { ...metricsPorts, ...metricsPortsFrom };
  for (const [agent, port] of Object.entries(both)) expect(all).toContain(`${agent} ${port}`);
  const ports: readonly number[] = [...Object.values(both), pagePort];
  expect(matches(/\b(91\d\d)\b/g).filter((port) => !ports.includes(Number(port)))).toEqual([]);
});

test("every metric is one that its agent gives", async () => {
  const announcer = new Metrics("announcer");
  announcerTelemetry(createLog("announcer", { level: "fatal" }), announcer, {
    spooled: () => 0,
    waiting: () => 0,
    journaled: () => 0,
  });
  const dispatcher = new Metrics("dispatcher");
  const idle: DispatcherView = {
    state: "active",
    stateForMs: 0,
    starvedOf: undefined,
    broker: "ready",
    connection: "connected",
    inFlight: 0,
    keptAside: 0,
    entries: 0,
    retrying: 0,
    doubts: 0,
    alternatesWaiting: 0,
    ledgerUnacked: 0,
    ledgerPaused: false,
    ...{ journalFault: undefined, journalBytes: 0, clockSteppedMs: 0, clockAheadMs: 0 },
    silentSources: [],
    address: undefined,
  };
  new DispatcherTelemetry(
    dispatcher,
    new Sources(1000),
    () => idle,
    () => 0,
  );
  const puller = new Metrics("puller");
  pullerTelemetry(createLog("puller", { level: "fatal" }), puller, () => []);
  const auditor = new Metrics("auditor");
  const nothing = { memory: emptyMemory, oldestWaitingMs: undefined, products: 0, storeBytes: 0, knows: false };
  auditorTelemetry(
    auditor,
    () => nothing,
    () => 0,
  );
  const bridge = new Metrics("bridge");
  bridgeTelemetry(createLog("bridge", { level: "fatal" }), bridge);
  const texts = await Promise.all([announcer, dispatcher, puller, auditor, bridge].map((metrics) => metrics.text()));
  const given = texts.join("");
  const named = matches(/\b(warren_[a-z_]+)_total/g);
  expect(named.length).toBeGreaterThan(2);
  expect(named.filter((name) => !given.includes(`# TYPE ${name} counter`))).toEqual([]);
});

test("every path on a host is one that the model has", () => {
  const text = JSON.stringify(model);
  const named = matches(/(\/(?:apps|opt|etc|usr\/local|var\/lib)\/[\w./-]*[\w-])/g);
  expect(named.length).toBeGreaterThan(4);
  // systemd makes state folders from the unit's StateDirectory; dated folders are products'.
  const inModel = (path: string) =>
    text.includes(path.replace(/^\/var\/lib\/(?=warren\/)/, "").replace(/\/\d{8}\/.*$/, ""));
  // sshd's own, which warren asks people to read; and files that only hosts of closed networks have.
  const others = [hostKeyPath("ssh-ed25519 …"), settingsFile, sourcesFile];
  expect(named.filter((path) => !others.includes(path) && !inModel(path))).toEqual([]);
});

test("the words to search for in journals and headers are those that the agents write", () => {
  const sources = globSync("agents/**/*.ts", { cwd: checkout })
    .filter((file) => !file.endsWith(".test.ts"))
    .map(textOf)
    .join("\n");
  const quoted = ["product can't be announced", "pull failed, trying again", '"dead-letter"'];
  for (const words of [...quoted, ...matches(/\b(x-dead-[a-z]+)/g)]) {
    expect(all).toContain(words);
    expect(sources).toContain(words);
  }
});

test("the announcement in ARCHITECTURE is what the codec writes, byte for byte", () => {
  const name = "201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902";
  const relPath = `db/20150120/RADAR/URP/IWA/${name}`;
  const key = "a985c32cbdee8af2ab5d7b8f6022e781";
  const message = codecV00.format({ key, sizeBytes: 498081, baseUrl: "http://urp-1.cmc.ec.gc.ca/", relPath });
  const topic = formatTopic(announcements.inputTopic, relPath);
  if (!message.ok || !topic.ok) throw new Error("the example can't be announced");
  const notify = replacePrefix(topic.value, announcements.inputTopic, announcements.notifyTopic);
  const shown = textOf("ARCHITECTURE.md")
    .split("\n")
    .map((line) => line.trim());
  expect(shown).toContain(message.value.body.toString());
  expect(shown).toContain(topic.value);
  expect(shown).toContain(notify.ok && notify.value);
  expect(message.value.headers).toEqual({ filename: name });
});

/** RFC 5737: addresses that no stack has. */
const isForDocumentation = (address: string): boolean => address.startsWith("192.0.2.");

test("sizes and hosts in the pages are those of schemas and stacks", () => {
  expect(textOf("ARCHITECTURE.md")).toContain("256 MB each");
  expect(announcerSchema.shape.spoolBytesMax.parse(undefined)).toBe(256 * 1024 * 1024);
  const stacks = ["lab", "lab4", "dev", "op"].map((stack) => textOf(`stacks/Pulumi.${stack}.yaml`)).join("\n");
  const addresses = matches(/\b(\d+\.\d+\.\d+\.\d+)\b/g).filter((address) => address !== "127.0.0.1");
  expect(addresses.length).toBeGreaterThan(2);
  expect(addresses.filter((address) => !isForDocumentation(address) && !stacks.includes(address))).toEqual([]);
});
