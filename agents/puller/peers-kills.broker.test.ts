import { readdirSync, readFileSync, rmSync, watch } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import type { AgentProcess } from "../../tests/rigs/agent-process.ts";
import { Bench } from "../../tests/rigs/agents-bench.ts";
import { BrokerGate } from "../../tests/rigs/broker-gate.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";

// Pullers as processes that are killed again and again, each time when a product has just been placed and before the broker hears
// of it. The file is removed at once, as Sundew's ingest does. Not proved here: a power loss, and a puller that stays away.

const names = ["a", "b", "c", "d"] as const;
type Name = (typeof names)[number];
/** Of each of them. */
const killsMax = 2;
const backlog = 100;
/** Seconds on an idle machine; the limits are for a busy one. */
const waiting = { timeout: 100_000, interval: 20 };

let broker: LocalBroker;
let bench: Bench;
let gates: Map<Name, BrokerGate>;
let pullers: Map<Name, AgentProcess>;
let taken: Map<string, number>;
/** Called for each file that is removed. */
let onTaken: (from: Name, file: string) => void;
let progress = Promise.withResolvers<void>();
let stopTaking: (() => void)[];

beforeAll(async () => {
  broker = await sharedBroker();
});
beforeEach(async () => {
  bench = new Bench(broker, 1);
  await bench.open();
  gates = new Map();
  pullers = new Map();
  for (const name of names) {
    const gate = await BrokerGate.open(broker.amqpPort);
    gates.set(name, gate);
    const own = { broker: bench.brokerSettingsVia(gate.port), peersWaitMs: 600_000 };
    pullers.set(name, await bench.startPuller(name, own));
  }
  for (const name of names) await knowsOthers(name);
  taken = new Map();
  onTaken = () => {};
  stopTaking = names.map(startTaking);
});
afterEach(async () => {
  for (const stop of stopTaking) stop();
  for (const gate of gates.values()) await gate.close();
  await bench.close();
});

function startTaking(name: Name): () => void {
  const folder = bench.folderOf(name);
  const take = () => {
    for (const file of readdirSync(folder).filter((found) => !found.startsWith("."))) {
      rmSync(join(folder, file));
      taken.set(file, (taken.get(file) ?? 0) + 1);
      onTaken(name, file);
      progress.resolve();
      progress = Promise.withResolvers();
    }
  };
  const watcher = watch(folder, take);
  return () => watcher.close();
}

async function knowsOthers(name: Name): Promise<void> {
  const puller = pullers.get(name);
  if (!puller) throw new Error(`no puller ${name}`);
  const peers = async () => JSON.parse(await bench.ask(puller, "health")).peers;
  await expect.poll(peers, waiting).toEqual({ known: names.length - 1, silent: 0 });
}

/**
 * Kills one of these as soon as its product is removed, before the broker hears of it: from the request on, nothing is passed on
 * to the broker. Returns its name.
 */
function killOne(some: readonly Name[]): Promise<Name> {
  const killed = Promise.withResolvers<Name>();
  let held: string | undefined;
  bench.urp1.beforeAnswer = (file) => {
    if (held !== undefined) return;
    held = file;
    for (const gate of gates.values()) gate.holdBack();
  };
  onTaken = (name, file) => {
    if (file !== held) return;
    const isVictim = some.includes(name);
    for (const [other, gate] of gates) if (!isVictim || other !== name) gate.release();
    held = undefined;
    if (!isVictim) return;
    bench.urp1.beforeAnswer = () => {};
    onTaken = () => {};
    killed.resolve(kill(name));
  };
  return killed.promise;
}

async function kill(name: Name): Promise<Name> {
  await pullers.get(name)?.kill();
  gates.get(name)?.cutFromClients();
  return name;
}

test("pullers killed when a product is placed and its ack is not sent, with its file removed at once: each product is placed once", async () => {
  let announced = 0;
  let isOver = false;
  const announcing = (async () => {
    while (!isOver) {
      const isAhead = announced - taken.size >= backlog;
      if (isAhead) await progress.promise;
      else await bench.announce("notify", bench.urp1, `p${announced++}`);
    }
  })();
  const kills = new Map<Name, number>(names.map((name) => [name, 0]));
  for (let left = names.slice(); left.length > 0; left = names.filter((name) => (kills.get(name) ?? 0) < killsMax)) {
    const name = await killOne(left);
    kills.set(name, (kills.get(name) ?? 0) + 1);
    await knowsOthers(name);
  }
  isOver = true;
  await announcing;
  await expect.poll(() => bench.pullQueueLength(), waiting).toBe(0);
  await expect.poll(() => taken.size, waiting).toBe(announced);
  expect([...taken].filter(([, times]) => times !== 1)).toEqual([]);
  const repeats = (): number => {
    const logs = [...pullers.values()].map((puller) => readFileSync(puller.logFile, "utf8")).join("");
    return [...logs.matchAll(/redelivered, but placed before/g)].length;
  };
  await expect.poll(repeats, waiting).toBeGreaterThanOrEqual(names.length * killsMax);
}, 600_000);
