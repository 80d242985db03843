import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { readKnownPeers, writeKnownPeers } from "./known-peers.ts";

let folder: string;
let file: string;
const onFailure = vi.fn();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "warren-known-peers-"));
  file = join(folder, "peers.json");
  onFailure.mockReset();
});
afterEach(() => rmSync(folder, { recursive: true }));

test("the next process knows the pullers that the previous one knew", () => {
  expect(readKnownPeers(file, onFailure)).toEqual([]);
  writeKnownPeers(file, ["ingest-1:/a", "ingest-2:/b é"], onFailure);
  writeKnownPeers(file, ["ingest-2:/b é"], onFailure);
  expect(readKnownPeers(file, onFailure)).toEqual(["ingest-2:/b é"]);
  expect(onFailure).not.toHaveBeenCalled();
});

test.each(["", "[", "{}", "[1]", `[""]`])("a file with %j in it is reported, and no puller is known", (text) => {
  writeFileSync(file, text);
  expect(readKnownPeers(file, onFailure)).toEqual([]);
  expect(onFailure).toHaveBeenCalledOnce();
});

test("a disk that accepts nothing is reported", () => {
  writeKnownPeers(join(folder, "gone", "peers.json"), ["a"], onFailure);
  expect(onFailure).toHaveBeenCalledOnce();
});
