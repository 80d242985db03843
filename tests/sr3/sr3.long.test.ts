import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { sharedBroker } from "../rigs/shared-broker.ts";
import { runClients } from "./client-run.ts";
import { formatRuns, type Run } from "./report.ts";
import { runSource } from "./source-run.ts";
import { Stage } from "./stage.ts";

// The real sr3 from PyPI, on one machine: this doesn't prove anything about other versions, about MQTT, or about brokers that fail.

const count = 500;
/** In the message of a failure. */
const missingShown = 5;
const minutes = { timeout: 600_000 };
const runs: Run[] = [];
let stage: Stage;

beforeEach(async () => {
  stage = await Stage.open(await sharedBroker());
});
afterEach(async () => {
  await stage.close();
});
afterAll(() => {
  console.info(formatRuns(runs));
});

function expectAll(...more: readonly Run[]): void {
  runs.push(...more);
  for (const run of more) {
    const missing = run.missing.slice(0, missingShown);
    expect({ ...run, missing }).toMatchObject({ posted: count, heard: count, setAside: {}, missing: [] });
  }
}

test.each([
  { component: "watch", format: "v02" },
  { component: "watch", format: "v03" },
  { component: "post", format: "v02" },
  { component: "post", format: "v03" },
  { component: "watch", format: "v03", winnow: true },
] as const)(
  "what sr3 announces reaches the puller, complete and once: $component $format, winnow $winnow",
  minutes,
  async (source) => {
    const run = await runSource(stage, { ...source, count });
    expectAll(run);
    expect(run.repeated).toBe(0);
  },
);

test(
  "sr3's subscribers fetch what watcher, sender and bridge announce, in both formats, and behind winnow",
  minutes,
  async () => {
    expectAll(...(await runClients(stage, { sources: ["watcher", "sender", "bridge"], winnow: true, count })));
  },
);
