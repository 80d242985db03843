import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { UserError } from "../lib/errors.ts";
import { Journal } from "./journal.ts";
import { makeHeader } from "./journal-record.ts";
import { productKey, RecordedReplay } from "./journal-testing.ts";

const run = promisify(execFile);
const log = pino({ level: "silent" });
let parent: string;
let directory: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "warren-journal-"));
  directory = join(parent, "journal");
});
afterEach(() => rm(parent, { recursive: true, force: true }));

const open = (replay = new RecordedReplay()): Promise<Journal> =>
  Journal.open({ directory, windowMs: 7_200_000, nowMs: Date.now, replay, log });

const isOverflowed = (journal: Journal): boolean => journal.fault?.includes("has no memory left") ?? false;

async function refusal(): Promise<UserError> {
  const error = await open().then(
    (journal) => journal.close().then(() => undefined),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

test("the folder is created if its parent exists; otherwise the missing one is named", async () => {
  await (await open()).close();
  expect(await readdir(parent)).toEqual(["journal"]);
  directory = join(parent, "missing", "journal");
  expect((await refusal()).format()).toContain(`${directory}: can't be created: its parent folder is missing`);
});

test("a file in the folder's place is reported as such", async () => {
  await writeFile(directory, "");
  expect((await refusal()).format()).toContain(`${directory}: is a file, but the journal needs a folder`);
});

test("a second process in the same folder is refused, and the first one is named", async () => {
  const first = await open();
  const error = await refusal();
  expect(error.format()).toContain(`${directory}: is in use by another process (${process.pid})`);
  expect(error.remedy).toContain("one dispatcher per folder");
  first.arrival(productKey(1), Date.now(), "radar1", 1, true);
  await first.close();
  const replayed = new RecordedReplay();
  await (await open(replayed)).close();
  expect(replayed.all).toHaveLength(1);
});

test("the lock ends with its process, however it is killed, but not with a child that the process started", async () => {
  const owner = spawn(process.execPath, ["--input-type=module", "-e", ownerScript(directory)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(owner, "exit");
  const [output] = (await once(owner.stdout, "data")) as [Buffer];
  const grandchild = Number(output.toString());
  expect(grandchild).toBeGreaterThan(0);
  expect((await refusal()).format()).toContain(`(${owner.pid})`);
  owner.kill("SIGKILL");
  await exited;
  try {
    await (await open()).close();
  } finally {
    process.kill(grandchild, "SIGKILL");
  }
});

/** Opens the journal, starts a process that outlives it, and prints that one's number. */
function ownerScript(folder: string): string {
  const moduleUrl = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
  return `
    import { execFile, spawn } from "node:child_process";
    import { Journal } from ${moduleUrl("journal.ts")};
    const log = { info() {}, warn() {}, error() {} };
    const replay = { arrival() {}, certain() {}, served() {}, twin() {} };
    const directory = ${JSON.stringify(folder)};
    await Journal.open({ directory, windowMs: 1000, nowMs: Date.now, replay, log });
    console.log(spawn("sleep", ["60"], { stdio: "ignore", detached: true }).pid);
    setInterval(() => {}, 1000);
  `;
}

test("foreign files are ignored, whatever their names", async () => {
  await mkdir(directory);
  await writeFile(join(directory, "notes.txt"), "mine");
  await writeFile(join(directory, "000000000007.journal"), "the diary of a rabbit");
  await mkdir(join(directory, "000000000008.journal"));
  const journal = await open();
  journal.arrival(productKey(1), Date.now(), "radar1", 1, true);
  await journal.close();
  const replayed = new RecordedReplay();
  await (await open(replayed)).close();
  expect(replayed.all).toHaveLength(1);
  expect(await readFile(join(directory, "000000000007.journal"), "utf8")).toBe("the diary of a rabbit");
  expect((await readdir(directory)).sort()).toContain("notes.txt");
});

test("files without records, as of a process killed at its start, are removed", async () => {
  await mkdir(directory);
  await writeFile(join(directory, "000000000001.journal"), "");
  await writeFile(join(directory, "000000000002.journal"), makeHeader().subarray(0, 7));
  await writeFile(join(directory, "000000000003.journal"), makeHeader());
  await (await open()).close();
  expect(await readdir(directory)).toEqual(["lock"]);
});

test("a journal of another version is refused with a remedy, and not touched", async () => {
  await mkdir(directory);
  const file = join(directory, "000000000001.journal");
  await writeFile(file, makeHeader(2));
  const error = await refusal();
  expect(error.format()).toContain(`${file}: is a journal of version 2, but this warren reads version 1`);
  expect(error.remedy).toContain("run the warren that wrote it");
  expect((await readFile(file)).equals(makeHeader(2))).toBe(true);
  // The refused process has not kept the lock.
  await rm(file);
  await (await open()).close();
});

test("a disk that can't be written is reported, nothing is lost, and writing resumes once it can", async () => {
  const journal = await open();
  // A folder in the next file's place stands for any disk error.
  const obstacle = join(directory, "000000000001.journal");
  await mkdir(obstacle);
  journal.arrival(productKey(1), Date.now(), "radar1", 1, true);
  let isSynced = false;
  const synced = journal.synced().then(() => {
    isSynced = true;
  });
  // Callers that don't wait for a faulty disk are notified as soon as it has a fault.
  await journal.syncedOrFault();
  expect(journal.fault).toContain(`journal ${directory} can't be written: EISDIR`);
  await journal.syncedOrFault();
  const ref = journal.twin(productKey(1), "a", Buffer.from("twin"));
  expect((await journal.readTwin(ref))?.body.toString()).toBe("twin");
  expect([isSynced, journal.pendingBytes > 0]).toEqual([false, true]);
  await rm(obstacle, { recursive: true });
  await synced;
  await journal.synced();
  expect([journal.fault, journal.pendingBytes]).toEqual([undefined, 0]);
  await journal.close();
  const replayed = new RecordedReplay();
  await (await open(replayed)).close();
  expect(replayed.all.map((line) => line.split(" ")[0])).toEqual(["arrival", "twin"]);
});

test("a disk that does not answer is reported as such, and writing resumes once it answers", async () => {
  const limits = { writeMaxMs: 50, retryMaxMs: 200 };
  const journal = await Journal.open({
    directory,
    windowMs: 7_200_000,
    nowMs: Date.now,
    replay: new RecordedReplay(),
    log,
    limits,
  });
  // Opening a pipe for writing blocks until there is a reader; writing at an offset of it is an error.
  const pipe = join(directory, "000000000001.journal");
  await run("mkfifo", [pipe]);
  journal.arrival(productKey(1), Date.now(), "radar1", 1, true);
  const synced = journal.synced();
  await journal.syncedOrFault();
  expect(journal.fault).toMatch(/the disk has not answered for \d+ s; 1 KiB wait in memory/);
  // It opens the pipe for writing too, so that it stays when the journal closes its end.
  const reader = spawn("sh", ["-c", 'exec cat 0<> "$1"', "sh", pipe], { stdio: "ignore" });
  await expect.poll(() => journal.fault).toContain("can't be written: ESPIPE");
  await rm(pipe);
  await synced;
  expect(journal.fault).toBeUndefined();
  await journal.close();
  reader.kill();
  const replayed = new RecordedReplay();
  await (await open(replayed)).close();
  expect(replayed.all).toHaveLength(1);
});

test("beyond its limit the journal accepts nothing more and confirms nothing more, twins first", async () => {
  const limits = { pendingBytesMax: 2000, pendingTwinBytesMax: 500, retryMaxMs: 200 };
  const options = { directory, windowMs: 7_200_000, nowMs: Date.now, log };
  const journal = await Journal.open({ ...options, replay: new RecordedReplay(), limits });
  const obstacle = join(directory, "000000000001.journal");
  await mkdir(obstacle);
  expect(journal.twin(productKey(0), "a", Buffer.alloc(100))).toBeGreaterThan(0);
  expect(journal.twin(productKey(0), "a", Buffer.alloc(400))).toBe(0);
  const before = journal.synced();
  let count = 0;
  for (; !isOverflowed(journal) && count < 1000; count++) journal.arrival(productKey(count), Date.now(), "r", 1, true);
  expect(count).toBeGreaterThan(20);
  expect(count).toBeLessThan(60);
  expect(journal.pendingBytes).toBeLessThanOrEqual(2000);
  const after = journal.synced();
  expect(journal.restartReason).toBeUndefined();
  await rm(obstacle, { recursive: true });
  // What was accepted before is on disk; what was refused is never confirmed, even once the disk works again.
  await before;
  await expect.poll(() => journal.restartReason).toBeDefined();
  const winner = await Promise.race([
    after.then(() => "after"),
    new Promise((resolve) => setImmediate(resolve, "none")),
  ]);
  expect(winner).toBe("none");
  expect(isOverflowed(journal)).toBe(true);
  await journal.close();
  const replayed = new RecordedReplay();
  await (await Journal.open({ ...options, replay: replayed })).close();
  expect(replayed.all).toHaveLength(count);
});
