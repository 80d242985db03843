import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { FileFacts } from "../lib/scan.ts";
import { TreeJournal } from "../lib/tree-journal.ts";
import { Announcer, type AnnouncerPorts } from "./announcer.ts";
import { type Config, configSchema } from "./config.ts";

const log = pino({ level: "silent" });

vi.setConfig({ testTimeout: 60_000 });
/** Milliseconds on an idle machine; the limit is for a busy one. */
const waitFor = (check: () => void) => vi.waitFor(check, { timeout: 50_000, interval: 20 });

const config = configSchema.parse({
  broker: { hosts: ["localhost"], user: "u", passwordFile: "p" },
  metrics: { port: 0 },
  rootDirectory: "/db",
  baseUrl: "http://urp-1/",
  settleMs: 20,
  emptySettleMs: 40,
});

let directory: string;
let journal: TreeJournal;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "announcer-"));
  journal = new TreeJournal({ file: join(directory, "j"), keepSeconds: 100, now: Date.now, log });
  await journal.open();
});

afterEach(async () => {
  await journal.close();
  rmSync(directory, { recursive: true });
});

/** An announcer over files in memory; `publish` may be made to fail. */
function arrange(settings: Partial<Config> = {}, more: Partial<AnnouncerPorts> = {}) {
  const files = new Map<string, FileFacts>();
  const published: string[] = [];
  const log: string[] = [];
  const announcer = new Announcer(
    { ...config, ...settings },
    {
      look: (path) => files.get(path),
      scan: async (_, rules) => ({
        files: [...files]
          .map(([path, facts]) => ({ path, ...facts }))
          .filter((f) => f.changedMs >= rules.changedSinceMs),
        folders: [],
        undecodable: [],
        unreadable: [],
        tooDeep: [],
        irregularCount: 0,
      }),
      publish: async ({ message }) => void published.push(message.body.toString().split(" db/")[1] ?? ""),
      covers: () => true,
      journal,
      now: Date.now,
      events: {
        announced: (path, latencyMs) => log.push(`announced ${path}${latencyMs === undefined ? " (found)" : ""}`),
        rejected: (path) => log.push(`rejected ${path}`),
        waiting: (error) => log.push(`waiting: ${error.message}`),
        irregular: (path) => log.push(`irregular ${path}`),
        scanned: (reason, { newCount }) => log.push(`scanned: ${reason ?? "new folder"}, ${newCount} new`),
        unreadable: () => {},
        trouble: (error) => log.push(error.message),
        recovered: () => {},
      },
      ...more,
    },
  );
  const put = (path: string, size = 1, ageMs = 0, links = 1) =>
    files.set(path, { inode: path, size, modifiedMs: size, changedMs: Date.now() - ageMs, links });
  return { announcer, files, put, published, log };
}

test("arrivals are announced in order, and each state of a file once", async () => {
  const { announcer, put, published } = arrange();
  for (const path of ["b", "a", "c"]) {
    put(path);
    announcer.arrived(path, "closed");
    announcer.arrived(path, "moved");
  }
  put("a", 2);
  announcer.arrived("a", "closed");
  await waitFor(() => expect(journal.size).toBe(3));
  announcer.arrived("b", "closed");
  expect(published).toEqual(["b", "a", "c", "a"]);
});

test("a missing, unfinished or just created file is not announced; a hard link is", async () => {
  const { announcer, put, published } = arrange();
  put("x.tmp");
  put("made");
  put("linked", 1, 0, 2);
  announcer.arrived("gone", "closed");
  announcer.arrived("x.tmp", "closed");
  announcer.arrived("made", "created");
  announcer.arrived("linked", "created");
  expect(published).toEqual(["linked"]);
});

test("while the spool is full everything waits, and is then announced in order", async () => {
  let room = false;
  const sent: string[] = [];
  const { announcer, put, log } = arrange(
    {},
    {
      publish: async ({ message }) => {
        if (!room) throw new Error("spool is full");
        sent.push(message.body.toString().slice(-1));
      },
    },
  );
  for (const path of ["a", "b", "c", "d"]) {
    put(path);
    announcer.arrived(path, "closed");
  }
  await waitFor(() => expect(log).toEqual(["waiting: spool is full"]));
  room = true;
  await waitFor(() => expect(sent).toEqual(["a", "b", "c", "d"]));
});

test("a product that can't be announced is rejected once, even if the tree is scanned again", async () => {
  const { announcer, put, log, published } = arrange();
  const path = `${"x".repeat(250)}/p`;
  put(path, 1, 1000);
  announcer.arrived(path, "closed");
  announcer.gap("again");
  await waitFor(() => expect(log).toEqual([`rejected ${path}`, "scanned: again, 0 new"]));
  expect(published).toEqual([]);
});

test("after a gap, files that changed within the rescan window and are not announced yet are announced, others are not", async () => {
  const { announcer, put, published, log } = arrange({ rescanWindowSeconds: 10 });
  put("known", 1, 5000);
  announcer.arrived("known", "closed");
  put("missed", 1, 5000);
  put("ancient", 1, 20_000);
  announcer.gap("started");
  await waitFor(() => expect(log).toContain("announced missed (found)"));
  expect(published).toEqual(["known", "missed"]);
});

test("every file in a new folder is announced, however old: it may have been moved in", async () => {
  const { announcer, put, published } = arrange({ rescanWindowSeconds: 10 });
  put("folder/ancient", 1, 1_000_000);
  announcer.appeared("folder");
  await waitFor(() => expect(published).toEqual(["folder/ancient"]));
});

test("a scanned file that is still growing waits for its close event", async () => {
  const { announcer, put, published, log } = arrange({ settleMs: 1500 });
  put("growing", 1);
  put("resting", 1);
  announcer.gap("started");
  await waitFor(() => expect(log).toContain("scanned: started, 2 new"));
  put("growing", 2);
  await waitFor(() => expect(published).toEqual(["resting"]));
  put("growing", 3);
  announcer.arrived("growing", "closed");
  expect(published).toEqual(["resting", "growing"]);
});

test("beyond arrivalsMax arrivals are dropped, and the tree is scanned once there is room", async () => {
  const { announcer, put, published } = arrange({ arrivalsMax: 2, inFlightMax: 1 });
  for (const path of ["a", "b", "c"]) {
    put(path, 1, 1000);
    announcer.arrived(path, "closed");
  }
  await waitFor(() => expect(published).toEqual(["a", "b", "c"]));
});

test("dropped arrivals are found after any time: the rescan window counts from the first one", async () => {
  const broker = Promise.withResolvers<void>();
  let laterMs = 0;
  const { announcer, put, log } = arrange(
    { arrivalsMax: 2, inFlightMax: 1, rescanWindowSeconds: 10 },
    { publish: () => broker.promise, now: () => Date.now() + laterMs },
  );
  for (const path of ["a", "b", "c"]) {
    put(path, 1, 1000);
    announcer.arrived(path, "closed");
  }
  laterMs = 3_600_000;
  broker.resolve();
  await waitFor(() => expect(log).toContain("announced c (found)"));
});

test("a file that can't be inspected is reported, and the others are announced", async () => {
  const { announcer, put, published, log, files } = arrange(
    {},
    {
      look: (path) => {
        if (path === "closed/a") throw new Error("EACCES: permission denied");
        return files.get(path);
      },
    },
  );
  put("b");
  announcer.arrived("closed/a", "moved");
  announcer.arrived("b", "moved");
  expect(log).toEqual(["rejected closed/a"]);
  expect(published).toEqual(["b"]);
});

test("stopping waits for announcements in flight and accepts no more arrivals", async () => {
  const release = Promise.withResolvers<void>();
  const { announcer, put, log } = arrange({}, { publish: () => release.promise });
  put("a");
  put("b");
  announcer.arrived("a", "closed");
  const stopped = announcer.stop(new AbortController().signal);
  announcer.arrived("b", "closed");
  release.resolve();
  await stopped;
  expect(log).toEqual(["announced a"]);
});
