import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keyOf, type Watched } from "./decide.ts";
import { WatchedFile } from "./watched-file.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "queue-manager-watched-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("it remembers what was saved last, and nothing before the first save", async () => {
  const file = new WatchedFile(join(folder, "watched.json"));
  expect(await file.load()).toEqual(new Map());
  const watched: Watched = {
    ...{ vhost: "/", name: 'q"é', unusedMs: 1.5, seenMs: 2, uses: 3, stage: "unbound" },
    bindings: [{ source: "x", routingKey: "#", arguments: { a: 1 } }],
  };
  await file.save(new Map());
  await file.save(new Map([[keyOf(watched), watched]]));
  expect(await file.load()).toEqual(new Map([[keyOf(watched), watched]]));
});

test("a file with other content stops the start with a remedy: it may contain bindings", async () => {
  const path = join(folder, "watched.json");
  writeFileSync(path, '[{"name":');
  await expect(new WatchedFile(path).load()).rejects.toThrow("was not written by this agent");
});
