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

test("whom one process knew the next one knows", () => {
  expect(readKnownPeers(file, onFailure)).toEqual([]);
  writeKnownPeers(file, ["ingest-1:/a", "ingest-2:/b é"], onFailure);
  writeKnownPeers(file, ["ingest-2:/b é"], onFailure);
  expect(readKnownPeers(file, onFailure)).toEqual(["ingest-2:/b é"]);
  expect(onFailure).not.toHaveBeenCalled();
});

test.each(["", "[", "{}", "[1]", `[""]`])("a file with %j in it is told of, and nobody is known", (text) => {
  writeFileSync(file, text);
  expect(readKnownPeers(file, onFailure)).toEqual([]);
  expect(onFailure).toHaveBeenCalledOnce();
});

test("a disk that takes nothing is told of", () => {
  writeKnownPeers(join(folder, "gone", "peers.json"), ["a"], onFailure);
  expect(onFailure).toHaveBeenCalledOnce();
});
