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
const arrange = (...rest: Parameters<typeof arrangeWatcher> extends [unknown, ...infer R] ? R : never) =>
  arrangeWatcher(journal, ...rest);

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "watcher-"));
  const file = join(directory, "j");
  journal = new TreeJournal({ file, keepSeconds: Number.POSITIVE_INFINITY, now: Date.now, log });
  await journal.open();
});

afterEach(async () => {
  await journal.close();
  rmSync(directory, { recursive: true });
});

test("each state in which a file stays unchanged is announced once", async () => {
  const { watch, put, published } = arrange();
  put("t/a");
  watch.arrived("t/a", "closed");
  watch.arrived("t/a", "closed");
  await waitFor(() => expect(published).toEqual(["t/a"]));
  watch.arrived("t/a", "closed");
  put("t/a", 2);
  put("t/b");
  watch.arrived("t/a", "closed");
  watch.arrived("t/b", "moved");
  await waitFor(() => expect(published.toSorted()).toEqual(["t/a", "t/a", "t/b"]));
});

test("a write ends a file's rest: it is announced after the next close event, in its state at that time", async () => {
  const { watch, put, published } = arrange();
  put("t/a");
  put("t/b");
  watch.arrived("t/a", "closed");
  watch.modified?.("t/a");
  watch.arrived("t/b", "closed");
  await waitFor(() => expect(published).toEqual(["t/b"]));
  put("t/a", 2);
  watch.arrived("t/a", "closed");
  await waitFor(() => expect(published).toEqual(["t/b", "t/a"]));
  expect(journal.get("t/a")?.size).toBe(2);
});

test("a file that changes while it is being read is not announced in its old state", async () => {
  let reads = 0;
  const { watch, put, published, log } = arrange(
    {},
    {
      digest: async (path) => {
        reads += 1;
        if (reads === 1) watch.modified?.(path);
        return reads === 2 ? { kind: "changed" } : { kind: "complete", md5: "" };
      },
    },
  );
  put("t/a");
  watch.arrived("t/a", "closed");
  await waitFor(() => expect(log).toEqual(["rewritten t/a"]));
  watch.arrived("t/a", "closed");
  await waitFor(() => expect(log).toEqual(["rewritten t/a", "rewritten t/a", "announced t/a"]));
  expect(published).toEqual(["t/a"]);
});

test("unfinished and newly created names are not announced; a hard link to a complete file is", async () => {
  const { watch, put, published } = arrange({ accept: ["\\.xml$"] });
  for (const name of [".a.xml", "a.xml.tmp", "made.xml", "a.txt"]) put(`t/${name}`);
  put("t/linked.xml", 1, 0, 2);
  for (const name of [".a.xml", "a.xml.tmp", "a.txt"]) watch.arrived(`t/${name}`, "closed");
  for (const name of ["made.xml", "linked.xml"]) watch.arrived(`t/${name}`, "created");
  await waitFor(() => expect(published).toEqual(["t/linked.xml"]));
});

test("while the spool is full everything waits, and is announced once there is room", async () => {
  let hasRoom = false;
  const sent: number[] = [];
  const { watch, put, log } = arrange(
    { inFlightMax: 2 },
    {
      publish: async (messages) => {
        if (!hasRoom) throw new Error("spool is full");
        sent.push(messages.length);
      },
    },
  );
  for (const path of ["t/a", "t/b", "t/c"]) {
    put(path);
    watch.arrived(path, "closed");
  }
  await waitFor(() => expect(log).toEqual(["waiting: spool is full"]));
  hasRoom = true;
  await waitFor(() => expect(sent).toHaveLength(3));
});

test("a file that no format can express is reported once, even if the tree is scanned again", async () => {
  const { watch, put, log, published } = arrange();
  const path = `t/${"x".repeat(250)}/p`;
  put(path, 1, 1000);
  watch.arrived(path, "closed");
  await waitFor(() => expect(log[0]).toMatch(/^rejected .*: exp: topic of .* at most 254 fit/));
  watch.gap("again");
  await waitFor(() => expect(log.slice(1)).toEqual(["scanned t: again, 0 new"]));
  expect(published).toEqual([]);
});

test("beyond arrivalsMax arrivals are dropped, and the tree is scanned once there is room", async () => {
  const { watch, put, published, log } = arrange({ arrivalsMax: 2 });
  for (const path of ["t/a", "t/b", "t/c"]) {
    put(path, 1, 1000);
    watch.arrived(path, "closed");
  }
  await waitFor(() => expect(published.toSorted()).toEqual(["t/a", "t/b", "t/c"]));
  expect(log).toContain("scanned t: more than 2 arrivals waited, 1 new");
});

test("a file that changes while it is being spooled, and whose events are lost in a gap, is found by the scan after it", async () => {
  const began = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const publish = () => {
    began.resolve();
    return release.promise;
  };
  const { watch, put, log } = arrange({}, { publish });
  put("t/a");
  watch.arrived("t/a", "closed");
  await began.promise;
  put("t/a", 2);
  watch.gap("overflow");
  await waitFor(() => expect(log).toEqual(["scanned t: overflow, 1 new"]));
  release.resolve();
  await waitFor(() => expect(log.slice(1)).toEqual(["announced t/a", "announced t/a (found)"]));
  expect(journal.get("t/a")?.size).toBe(2);
});

test("a file that can't be inspected or read is reported, others continue, and it is announced once it can be read", async () => {
  let isReadable = false;
  const { watch, put, published, log, files } = arrange(
    {},
    {
      look: (path) => {
        if (path === "t/closed/a") throw new Error("EACCES");
        return files.get(path);
      },
      digest: async (path) =>
        path === "t/b" && !isReadable
          ? { kind: "unreadable", error: new Error("EACCES") }
          : { kind: "complete", md5: "" },
    },
  );
  for (const path of ["t/closed/a", "t/b", "t/c"]) {
    put(path);
    watch.arrived(path, "closed");
  }
  await waitFor(() => expect(published).toEqual(["t/c"]));
  await waitFor(() => expect(log).toContain("rejected t/b: can't be read: EACCES"));
  expect(log).toContain("rejected t/closed/a: can't be accessed: EACCES");
  isReadable = true;
  await waitFor(() => expect(published).toEqual(["t/c", "t/b"]));
});

test("stopping settles the files being read and accepts no more arrivals", async () => {
  const release = Promise.withResolvers<void>();
  const began = Promise.withResolvers<void>();
  const { watcher, watch, put, log } = arrange(
    {},
    {
      publish: () => {
        began.resolve();
        return release.promise;
      },
    },
  );
  for (const path of ["t/a", "t/b"]) put(path);
  watch.arrived("t/a", "closed");
  await began.promise;
  watch.arrived("t/b", "closed");
  const stopped = watcher.stop(new AbortController().signal);
  release.resolve();
  await stopped;
  expect(log).toEqual(["announced t/a"]);
});
