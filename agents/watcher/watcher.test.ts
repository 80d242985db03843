import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { TreeJournal } from "../lib/tree-journal.ts";
import { arrangeWatcher } from "./watcher-fixture.ts";

const log = pino({ level: "silent" });

vi.setConfig({ testTimeout: 60_000 });
/** Milliseconds on a machine that does nothing else; the limit is for one that does. */
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

test("each state in which a file is left alone is announced once", async () => {
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

test("who writes to it ends its rest: it is announced after the next closing, as it is then", async () => {
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

test("what is written to while it is read is not announced as it was", async () => {
  let reads = 0;
  const { watch, put, published, log } = arrange(
    {},
    {
      digest: async (path) => {
        reads += 1;
        if (reads === 1) watch.modified?.(path);
        return reads === 2 ? { kind: "changed" } : { kind: "whole", md5: "" };
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

test("names in work and names just made are not announced; one more name of a whole file is", async () => {
  const { watch, put, published } = arrange({ accept: ["\\.xml$"] });
  for (const name of [".a.xml", "a.xml.tmp", "made.xml", "a.txt"]) put(`t/${name}`);
  put("t/linked.xml", 1, 0, 2);
  for (const name of [".a.xml", "a.xml.tmp", "a.txt"]) watch.arrived(`t/${name}`, "closed");
  for (const name of ["made.xml", "linked.xml"]) watch.arrived(`t/${name}`, "created");
  await waitFor(() => expect(published).toEqual(["t/linked.xml"]));
});

test("without room in the spool everything waits, and goes out when there is some", async () => {
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

test("what no format can say is told once, also when the tree is looked through again", async () => {
  const { watch, put, log, published } = arrange();
  const path = `t/${"x".repeat(250)}/p`;
  put(path, 1, 1000);
  watch.arrived(path, "closed");
  await waitFor(() => expect(log[0]).toMatch(/^rejected .*: exp: topic of .* at most 254 fit/));
  watch.gap("again");
  await waitFor(() => expect(log.slice(1)).toEqual(["scanned t: again, 0 new"]));
  expect(published).toEqual([]);
});

test("beyond arrivalsMax nothing is kept in memory, but the tree is looked through once there is room", async () => {
  const { watch, put, published, log } = arrange({ arrivalsMax: 2 });
  for (const path of ["t/a", "t/b", "t/c"]) {
    put(path, 1, 1000);
    watch.arrived(path, "closed");
  }
  await waitFor(() => expect(published.toSorted()).toEqual(["t/a", "t/b", "t/c"]));
  expect(log).toContain("scanned t: more than 2 arrivals waited, 1 new");
});

test("what changes on its way to the spool, and whose events a gap swallows, is found by the look after it", async () => {
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

test("a file that can't be looked at or read is told, others go on, and it is announced when it can be read", async () => {
  let isReadable = false;
  const { watch, put, published, log, files } = arrange(
    {},
    {
      look: (path) => {
        if (path === "t/closed/a") throw new Error("EACCES");
        return files.get(path);
      },
      digest: async (path) =>
        path === "t/b" && !isReadable ? { kind: "unreadable", error: new Error("EACCES") } : { kind: "whole", md5: "" },
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

test("stopping settles what is being read, and takes no more", async () => {
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
