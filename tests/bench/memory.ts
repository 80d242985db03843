import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { request } from "undici";
import { Journal } from "../../agents/dispatcher/journal.ts";
import { ledgerQueueAt } from "../../agents/lib/dispatch-topics.ts";
import { UserError } from "../../agents/lib/errors.ts";
import { collectGarbage, heldBytes } from "./inspector.ts";
import { load, untilSettled } from "./move.ts";
import { announcementOf, sources, topicTail } from "./pairs.ts";
import { dedupWindowSeconds, inputTopic, pullQueue, type RunningDispatcher, type Stage } from "./stage.ts";
import { cpuSeconds, residentBytes } from "./usage.ts";

interface Memory {
  /** Resident set of the process, allocators' reserves included: varies by several megabytes. */
  readonly residentBytes: number;
  /** Live objects and buffers after garbage collection. */
  readonly heldBytes: number;
}

/** Memory and times of a dispatcher with `names` names. */
export interface MemoryResult extends Memory {
  readonly names: number;
  /** Growth of live objects and buffers over the warm dispatcher, or over one started with few names; NaN for those, and for few names. */
  readonly bytesPerName: number;
  /** CPU time with a table of that size. */
  readonly microsecondsPerAnnouncement: number;
  /** Start time with these names in the journal; for the growing dispatcher, with none. */
  readonly readySeconds: number;
}

/** Difference of two dispatchers that started with names in their journals. */
export interface ResidentGrowth {
  readonly fromNames: number;
  readonly toNames: number;
  readonly bytesPerName: number;
}

export interface MemoryResults {
  readonly byNames: readonly MemoryResult[];
  /** Undefined if no number of names is large enough: the resident set varies by megabytes. */
  readonly resident: ResidentGrowth | undefined;
}

/** More names than this would take minutes through the input queue. */
const throughInputMax = 100_000;
/** A few names, announced often, so that all code is compiled and all buffers are allocated. */
const warmNamesMax = 1000;
const warmTimes = 10;
/** Live memory varies by half a megabyte, and the table grows by doubling. The growth of fewer names is smaller than that. */
const namesMin = 50_000;
const keyBytes = 16;
/** Limit of unsynced records that the journal keeps in memory. */
const syncEvery = 20_000;
const settleMs = 500;
const collectionsMax = 10;
const freedLittleBytes = 100_000;

/**
 * Sends small numbers of names, ascending, through one dispatcher, and measures its growth since it was warm. A large number would take
 * minutes, so another dispatcher starts with it in the journal, and is compared with one that starts with the smallest number. The first
 * result is that of the warm dispatcher.
 */
export async function measureMemory(
  stage: Stage,
  counts: readonly number[],
  productsThrough: number,
): Promise<MemoryResults> {
  const byNames = await measureGrowth(
    stage,
    counts.filter((names) => names <= throughInputMax),
  );
  const large = counts.filter((names) => names > throughInputMax);
  const [smallest] = counts;
  if (smallest === undefined || large.length === 0) return { byNames, resident: undefined };
  const few = await measureStarted(stage, smallest, productsThrough, undefined);
  let resident: ResidentGrowth | undefined;
  for (const names of large) {
    const many = await measureStarted(stage, names, productsThrough, few);
    byNames.push(many);
    const bytesPerName = (many.residentBytes - few.residentBytes) / (names - few.names);
    resident = { fromNames: few.names, toNames: names, bytesPerName };
  }
  return { byNames, resident };
}

async function measureGrowth(stage: Stage, counts: readonly number[]): Promise<MemoryResult[]> {
  const { dispatcher, readySeconds } = await startWith(stage, "grows", 0);
  const warmNames = Math.min(warmNamesMax, Math.floor((counts[0] ?? warmNamesMax) / 2));
  const results: MemoryResult[] = [];
  const measure = async (names: number, microsecondsPerAnnouncement: number): Promise<void> => {
    await checkEntries(dispatcher, names);
    const memory = await settledMemory(stage, dispatcher);
    const [warm] = results;
    const isTelling = warm !== undefined && names - warm.names >= namesMin;
    const grown = isTelling ? (memory.heldBytes - warm.heldBytes) / (names - warm.names) : Number.NaN;
    results.push({ ...memory, names, bytesPerName: grown, microsecondsPerAnnouncement, readySeconds });
  };
  stage.onStep(`a warm dispatcher with ${warmNames} names`);
  let cost = 0;
  for (let time = 1; time <= warmTimes; time++) cost = await costOf(stage, dispatcher, "warm", warmNames);
  await measure(warmNames, cost);
  for (const [index, names] of counts.entries()) {
    stage.onStep(`the same with ${names} names`);
    const more = names - (counts[index - 1] ?? warmNames);
    await measure(names, await costOf(stage, dispatcher, `grows-${names}`, more));
  }
  await dispatcher.stop();
  return results;
}

async function measureStarted(
  stage: Stage,
  names: number,
  productsThrough: number,
  few: MemoryResult | undefined,
): Promise<MemoryResult> {
  stage.onStep(`a dispatcher with ${names} names in its journal`);
  const { dispatcher, readySeconds } = await startWith(stage, `remembers-${names}`, names);
  await checkEntries(dispatcher, names);
  const memory = await settledMemory(stage, dispatcher);
  const microsecondsPerAnnouncement = await costOf(stage, dispatcher, `table-${names}`, productsThrough);
  await dispatcher.stop();
  const bytesPerName = few ? (memory.heldBytes - few.heldBytes) / (names - few.names) : Number.NaN;
  return { ...memory, names, bytesPerName, microsecondsPerAnnouncement, readySeconds };
}

async function startWith(stage: Stage, name: string, names: number) {
  // What earlier dispatchers published would be names too.
  await stage.admin.purgeQueue(ledgerQueueAt(hostname()));
  let preparedMs = 0;
  const dispatcher = await stage.startDispatcher(name, {
    inspected: true,
    prepare: async (stateDirectory) => {
      await fillJournal(join(stateDirectory, "journal"), names);
      preparedMs = performance.now();
    },
  });
  return { dispatcher, readySeconds: (performance.now() - preparedMs) / 1000 };
}

async function checkEntries(dispatcher: RunningDispatcher, names: number): Promise<void> {
  const entries = await metric(await dispatcher.metricsPort(), "warren_dispatcher_table_entries");
  if (entries !== names) throw new UserError("dispatcher", `has ${entries} names, expected ${names}`);
}

/** Collects garbage until that frees nothing more: V8 frees in steps. */
async function settledMemory({ signal }: Stage, dispatcher: RunningDispatcher): Promise<Memory> {
  const inspectorUrl = await dispatcher.inspectorUrl();
  for (let collected = 1, before = Number.POSITIVE_INFINITY; ; collected++) {
    await collectGarbage(inspectorUrl);
    await sleep(settleMs, undefined, { signal });
    const held = await heldBytes(inspectorUrl);
    if (before - held < freedLittleBytes || collected === collectionsMax) {
      return { residentBytes: residentBytes(dispatcher.pid), heldBytes: held };
    }
    before = held;
  }
}

/** Writes a journal like the dispatcher's: each name with its first arrival and its twin's announcement. */
async function fillJournal(directory: string, names: number): Promise<void> {
  await mkdir(directory, { recursive: true });
  if (names === 0) return;
  const nothing = (): void => {};
  const journal = await Journal.open({
    directory,
    windowMs: dedupWindowSeconds * 1000,
    nowMs: Date.now,
    log: pino({ level: "silent" }),
    replay: { arrival: nothing, certain: nothing, twin: nothing, served: nothing },
  });
  const twin = announcementOf("twin", 0, sources[1]).body;
  for (let name = 1; name <= names; name++) {
    const key = randomBytes(keyBytes).toString("hex");
    journal.arrival(key, Date.now(), sources[0], twin.length, true);
    journal.twin(key, `${inputTopic}.${topicTail}`, twin);
    if (name % syncEvery === 0) await journal.synced();
  }
  await journal.synced();
  await journal.close();
}

/** Microseconds of the dispatcher's CPU time for each announcement, twins included. */
async function costOf(stage: Stage, { pid }: RunningDispatcher, run: string, products: number): Promise<number> {
  const before = cpuSeconds(pid);
  await load(stage, run, products);
  await untilSettled(stage);
  await sleep(settleMs, undefined, stage);
  // Nobody reads it.
  await stage.admin.purgeQueue(pullQueue);
  return ((cpuSeconds(pid) - before) / (products * sources.length)) * 1e6;
}

async function metric(port: number, name: string): Promise<number> {
  const { body } = await request(`http://127.0.0.1:${port}/metrics`);
  const found = new RegExp(`^${name} (\\S+)$`, "m").exec(await body.text());
  return Number(found?.[1]);
}
