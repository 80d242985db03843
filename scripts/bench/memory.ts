import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { request } from "undici";
import { Journal } from "../../agents/dispatcher/journal.ts";
import { UserError } from "../../agents/lib/errors.ts";
import { collectGarbage } from "./inspector.ts";
import { load } from "./move.ts";
import { announcementOf, sources, topicTail } from "./pairs.ts";
import { dedupWindowSeconds, inputQueue, inputTopic, type RunningDispatcher, type Stage } from "./stage.ts";
import { cpuSeconds, type Resident, resident } from "./usage.ts";

/** What a dispatcher that remembers so many names needs. */
export interface MemoryResult {
  readonly names: number;
  /** Of several starts, as below. */
  readonly totalBytes: number;
  /** The least of several starts: what else is resident is chance. */
  readonly anonymousBytes: number;
  /** Grown beyond a dispatcher that remembers nothing, garbage collected in both. NaN where `names` is 0. */
  readonly bytesPerName: number;
  /** Of its processor time, with a table of that size. */
  readonly microsecondsPerAnnouncement: number;
  /** From the start of the process, journal read. */
  readonly readySeconds: number;
}

/** Of the same dispatcher with the same journal. */
const startsEach = 3;
const keyBytes = 16;
/** The journal keeps only so much in memory that is not on disk yet. */
const syncEvery = 20_000;
const settleMs = 500;
const collectionsMin = 3;
const collectionsMax = 10;
const freedLittleBytes = 100_000;
const probeMs = 50;

/** For each number of names, the first of which is 0: dispatchers that are started with them in their journal. */
export async function measureMemory(
  stage: Stage,
  counts: readonly number[],
  productsThrough: number,
): Promise<MemoryResult[]> {
  const results: MemoryResult[] = [];
  for (const names of counts) {
    stage.onStep(`a dispatcher that remembers ${names} names`);
    const starts: Start[] = [];
    for (let start = 1; start <= startsEach; start++) {
      stage.signal.throwIfAborted();
      const prepare = (directory: string) => fillJournal(join(directory, "journal"), start === 1 ? names : 0);
      starts.push(await measureStart(stage, names, prepare, start === startsEach ? productsThrough : 0));
    }
    const least = (of: (start: Start) => number): number => Math.min(...starts.map(of));
    const anonymousBytes = least((start) => start.anonymousBytes);
    const emptyBytes = results[0]?.anonymousBytes ?? anonymousBytes;
    results.push({
      names,
      totalBytes: least((start) => start.totalBytes),
      anonymousBytes,
      bytesPerName: names === 0 ? Number.NaN : (anonymousBytes - emptyBytes) / names,
      microsecondsPerAnnouncement: starts.at(-1)?.microsecondsPerAnnouncement ?? Number.NaN,
      readySeconds: least((start) => start.readySeconds),
    });
  }
  return results;
}

interface Start extends Resident {
  readonly microsecondsPerAnnouncement: number;
  readonly readySeconds: number;
}

async function measureStart(
  stage: Stage,
  names: number,
  fill: (stateDirectory: string) => Promise<void>,
  productsThrough: number,
): Promise<Start> {
  let preparedMs = 0;
  const dispatcher = await stage.startDispatcher(`remembers-${names}`, {
    inspected: true,
    prepare: async (stateDirectory) => {
      await fill(stateDirectory);
      preparedMs = performance.now();
    },
  });
  const readySeconds = (performance.now() - preparedMs) / 1000;
  const entries = await metric(await dispatcher.metricsPort(), "warren_dispatcher_table_entries");
  if (entries !== names) throw new UserError("dispatcher", `read ${entries} names of ${names} from its journal`);
  const memory = await settledMemory(stage, dispatcher);
  const run = `table-${names}`;
  const microsecondsPerAnnouncement = productsThrough > 0 ? await costOf(stage, dispatcher, run, productsThrough) : 0;
  await dispatcher.stop();
  return { ...memory, microsecondsPerAnnouncement, readySeconds };
}

/** Collects garbage until that frees nothing more: V8 gives its pages back step by step. */
async function settledMemory({ signal }: Stage, dispatcher: RunningDispatcher): Promise<Resident> {
  const inspectorUrl = await dispatcher.inspectorUrl();
  let before = resident(dispatcher.pid);
  for (let collected = 1; ; collected++) {
    await collectGarbage(inspectorUrl);
    await sleep(settleMs, undefined, { signal });
    const now = resident(dispatcher.pid);
    const freed = before.anonymousBytes - now.anonymousBytes;
    if (collected >= collectionsMin && (freed < freedLittleBytes || collected === collectionsMax)) return now;
    before = now;
  }
}

/** As the dispatcher would have left it: each name with its first arrival and its twin's announcement. */
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

/** Microseconds of the dispatcher's processor time for each announcement, twins too. */
async function costOf(stage: Stage, { pid }: RunningDispatcher, run: string, products: number): Promise<number> {
  const before = cpuSeconds(pid);
  await load(stage, run, products);
  while ((await stage.admin.checkQueue(inputQueue)).messageCount > 0) await sleep(probeMs, undefined, stage);
  await sleep(settleMs, undefined, stage);
  return ((cpuSeconds(pid) - before) / (products * sources.length)) * 1e6;
}

async function metric(port: number, name: string): Promise<number> {
  const { body } = await request(`http://127.0.0.1:${port}/metrics`);
  const found = new RegExp(`^${name} (\\S+)$`, "m").exec(await body.text());
  return Number(found?.[1]);
}
