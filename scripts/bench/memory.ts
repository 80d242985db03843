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
import { dedupWindowSeconds, inputQueue, inputTopic, type Stage } from "./stage.ts";
import { cpuSeconds, resident } from "./usage.ts";

/** What a dispatcher that remembers so many names needs. */
export interface MemoryResult {
  readonly names: number;
  readonly totalBytes: number;
  /** Grown beyond a dispatcher that remembers nothing, garbage collected in both. NaN where `names` is 0. */
  readonly bytesPerName: number;
  /** Of its processor time, with a table of that size. */
  readonly microsecondsPerAnnouncement: number;
  /** From the start of the process, journal read. */
  readonly readySeconds: number;
}

const keyBytes = 16;
/** The journal keeps only so much in memory that is not on disk yet. */
const syncEvery = 20_000;
const settleMs = 500;
const probeMs = 50;

/** For each number of names, the first of which is 0: a dispatcher that is started with them in its journal. */
export async function measureMemory(
  stage: Stage,
  counts: readonly number[],
  productsThrough: number,
): Promise<MemoryResult[]> {
  const results: MemoryResult[] = [];
  let emptyBytes = Number.NaN;
  for (const names of counts) {
    stage.signal.throwIfAborted();
    stage.onStep(`a dispatcher that remembers ${names} names`);
    const beginMs = performance.now();
    let preparedMs = beginMs;
    const dispatcher = await stage.startDispatcher(`remembers-${names}`, {
      inspected: true,
      prepare: async (stateDirectory) => {
        await fillJournal(join(stateDirectory, "journal"), names);
        preparedMs = performance.now();
      },
    });
    const readySeconds = (performance.now() - preparedMs) / 1000;
    const entries = await metric(await dispatcher.metricsPort(), "warren_dispatcher_table_entries");
    if (entries !== names) throw new UserError("dispatcher", `read ${entries} names of ${names} from its journal`);
    await collectGarbage(await dispatcher.inspectorUrl());
    await sleep(settleMs, undefined, stage);
    const { totalBytes, anonymousBytes } = resident(dispatcher.pid);
    if (names === 0) emptyBytes = anonymousBytes;
    const microsecondsPerAnnouncement = await costOf(stage, dispatcher.pid, `table-${names}`, productsThrough);
    await dispatcher.stop();
    const bytesPerName = names === 0 ? Number.NaN : (anonymousBytes - emptyBytes) / names;
    results.push({ names, totalBytes, bytesPerName, microsecondsPerAnnouncement, readySeconds });
  }
  return results;
}

/** As the dispatcher would have left it: each name with its first arrival and its twin's announcement. */
async function fillJournal(directory: string, names: number): Promise<void> {
  const nothing = (): void => {};
  await mkdir(directory, { recursive: true });
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
async function costOf(stage: Stage, pid: number, run: string, products: number): Promise<number> {
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
