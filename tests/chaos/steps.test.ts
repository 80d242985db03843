import { expect, it } from "vitest";
import { type LogEvent, logEvents } from "../../agents/lib/log-events.ts";
import { describeSteps, medianSteps, readMarks, stepsOf } from "./steps.ts";

const faultMs = Date.parse("2026-11-27T16:00:00.000Z");
const agent = (name: string, time: string, event: LogEvent, facts = {}) =>
  JSON.stringify({ level: "info", time: `2026-11-27T${time}Z`, agent: name, pid: 7, event, ...facts, msg: "…" });
const logs = [
  agent("dispatcher", "15:59:40.000", logEvents.addressHeld),
  "-- No entries --",
  '{"agent":"dispatcher","msg":"cut off in the mid',
  "2026-11-27 15:59:41.000000+00:00 [info] <0.9.0> rabbit on node rabbit@bunny1 down",
  "2026-11-27 16:00:00.520999+00:00 [notice] <0.522.0> queue 'cmc.urp.pull' in vhost '/': candidate -> leader in term: 3 machine version: 5",
  "2026-11-27 17:00:00.610000+01:00 [notice] <0.523.0> queue 'cmc.urp.input' in vhost '/': candidate -> leader in term: 3 machine version: 5",
  "2026-11-27 16:00:00.640000+00:00 [notice] <0.529.0> queue 'other' in vhost '/': candidate -> leader in term: 3 machine version: 5",
  "2026-11-27 16:00:01.100000+00:00 [info] <0.9.0> rabbit on node rabbit@bunny1 down",
  agent("dispatcher", "16:00:00.700", logEvents.addressHeld),
  agent("announcer", "16:00:01.020", logEvents.brokerLost),
  agent("announcer", "16:00:01.200", logEvents.brokerConnected),
  agent("announcer", "16:00:01.400", logEvents.brokerConnected),
  agent("puller", "16:00:01.450", logEvents.brokerConnected),
  agent("dispatcher", "16:00:01.500", logEvents.takenOver, { sinceAddressMs: 800, sinceDeliveryMs: 30 }),
  agent("dispatcher", "16:00:09.000", logEvents.addressHeld),
].join("\n");

it("log lines become the steps of a takeover, in order, without lines from before the fault or long after it", () => {
  const steps = stepsOf(readMarks(logs), faultMs, faultMs + 1510);
  expect(Object.entries(steps)).toEqual([
    ["leaders elected", 610],
    ["address held", 700],
    ["announcer lost", 1020],
    ["node missed", 1100],
    ["announcer back", 1400],
    ["first delivery", 1470],
    ["first decision", 1500],
    ["first dispatched", 1510],
  ]);
  expect(describeSteps(steps)).toContain("leaders elected 0.61, address held 0.70");
});

it("each step's median is over the rounds in which it was logged", () => {
  const medians = medianSteps([
    { "first dispatched": 900, "address held": 500 },
    { "first dispatched": 1000, "address held": 700, "node missed": 600 },
    { "first dispatched": 1400, "address held": 900 },
  ]);
  expect(Object.entries(medians)).toEqual([
    ["node missed", 600],
    ["address held", 700],
    ["first dispatched", 1000],
  ]);
});
