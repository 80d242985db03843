import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { TreeJournal } from "../lib/tree-journal.ts";
import { arrangeWatcher } from "./watcher-fixture.ts";

const log = pino({ level: "silent" });

vi.setConfig({ testTimeout: 60_000 });
/** Milliseconds on an idle machine; the limit is for a busy one. */
const waitFor = (check: () => void) => vi.waitFor(check, { timeout: 50_000, interval: 20 });

let directory: string;
let journal: TreeJournal;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "watcher-polls-"));
  const file = join(directory, "j");
  journal = new TreeJournal({ file, keepSeconds: Number.POSITIVE_INFINITY, now: Date.now, log });
  await journal.open();
});

afterEach(async () => {
  await journal.close();
  rmSync(directory, { recursive: true });
});

test("after a gap, files whose current state is not announced are announced, in that tree only", async () => {
  const { watcher, watch, put, published, log } = arrangeWatcher(journal);
  watcher.begin();
  put("t/known", 1, 5000);
  watch.arrived("t/known", "closed");
  await waitFor(() => expect(published).toEqual(["t/known"]));
  put("t/missed", 1, 5000);
  put("u/missed", 1, 5000);
  watch.gap("overflow");
  await waitFor(() => expect(log).toContain("announced t/missed (found)"));
  put("t/known", 2, 5000);
  watch.gap("overflow");
  await waitFor(() => expect(published).toEqual(["t/known", "t/missed", "t/known"]));
  expect(log).toContain("scanned t: overflow, 1 new");
});

test("the first start ever remembers existing files; later starts announce what changed meanwhile", async () => {
  const first = arrangeWatcher(journal, { firstStart: "remember" });
  first.put("t/old", 1, 5000);
  first.watcher.begin();
  first.watch.gap("started");
  await waitFor(() => expect(first.log).toEqual(["remembered t/old", "scanned t: started, 0 new"]));
  await first.watcher.stop(AbortSignal.timeout(1000));
  const next = arrangeWatcher(journal, { firstStart: "remember" });
  next.put("t/old", 1, 5000);
  next.put("t/new", 1, 5000);
  next.watcher.begin();
  next.watch.gap("started");
  await waitFor(() => expect(next.published).toEqual(["t/new"]));
});

test("a file that changes during the first scan is announced", async () => {
  const { watcher, watch, put, published, log } = arrangeWatcher(journal, { firstStart: "remember" });
  put("t/old", 1, 5000);
  watcher.begin();
  put("t/new");
  watch.gap("started");
  await waitFor(() => expect(published).toEqual(["t/new"]));
  expect(log).toContain("remembered t/old");
});

test("every file in a new folder is announced, however old: it may have been moved in", async () => {
  const { watcher, watch, put, published } = arrangeWatcher(journal, { firstStart: "remember" });
  watcher.begin();
  put("t/folder/ancient", 1, 1_000_000);
  watch.appeared("t/folder");
  watch.appeared("t/.work");
  await waitFor(() => expect(published).toEqual(["t/folder/ancient"]));
});

test("a scanned file that is still being written waits for its close event", async () => {
  const { watch, put, published, log } = arrangeWatcher(journal, { foundSettleMs: 1500 });
  put("t/growing", 1);
  put("t/resting", 1);
  watch.gap("started");
  await waitFor(() => expect(log).toContain("scanned t: started, 2 new"));
  put("t/growing", 2);
  watch.modified?.("t/growing");
  await waitFor(() => expect(published).toEqual(["t/resting"]));
  watch.arrived("t/growing", "closed");
  await waitFor(() => expect(published).toEqual(["t/resting", "t/growing"]));
});

test("a scan forgets missing files, except those in a folder that can't be read", async () => {
  let unreadable = [{ path: "t/closed", reason: "EACCES" }];
  const { watch, files, put, published, log } = arrangeWatcher(
    journal,
    {},
    {
      scan: async () => ({
        files: [...files].map(([path, facts]) => ({ path, ...facts })),
        folders: [],
        undecodable: ["t/\ufffd"],
        unreadable,
        tooDeep: [],
        irregularCount: 0,
      }),
    },
  );
  for (const path of ["t/a", "t/b", "t/closed/c"]) {
    put(path);
    watch.arrived(path, "closed");
  }
  await waitFor(() => expect(published).toHaveLength(3));
  for (const path of ["t/a", "t/closed/c"]) files.delete(path);
  watch.gap("one");
  await waitFor(() => expect(log).toContain("scanned t: one, 0 new"));
  expect(log).toContain("rejected t/\ufffd: its name is not valid UTF-8, so no message or URL can contain it");
  expect(journal.get("t/a")).toBeUndefined();
  expect(journal.get("t/closed/c")).toBeDefined();
  unreadable = [];
  watch.gap("two");
  await waitFor(() => expect(log).toContain("scanned t: two, 0 new"));
  expect(journal.get("t/closed/c")).toBeUndefined();
  expect(journal.get("t/b")).toBeDefined();
});

test("a failed scan is reported and retried", async () => {
  let tries = 0;
  const { watch, log } = arrangeWatcher(
    journal,
    {},
    {
      scan: async () => {
        tries += 1;
        if (tries === 1) throw new Error("EIO");
        return { files: [], folders: [], undecodable: [], unreadable: [], tooDeep: [], irregularCount: 0 };
      },
    },
  );
  watch.gap("started");
  await waitFor(() => expect(log).toEqual(["trouble : EIO", "scanned t: started, 0 new"]));
});
