import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import {
  arrivalBytes,
  makeHeader,
  noteBytes,
  recordType,
  sourceRecordBytes,
  writeArrival,
  writeNote,
  writeSource,
} from "../../agents/dispatcher/journal-record.ts";
import { readKey } from "../../agents/dispatcher/product-key.ts";
import type { LogLine } from "../logs/journal.ts";
import { type DispatcherWords, dispatchTimes, measureMove, parseWords, readArrivals } from "./measure.ts";
import { brokenSince, type DrillReport, formatDrill } from "./report.ts";

const key = (number: number): string => number.toString(16).padStart(32, "0");

describe("what a dispatcher's journal has of products", () => {
  it("is read from the files that the dispatcher writes, up to a record that is being written", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "warren-drill-"));
    try {
      const header = makeHeader();
      const data = Buffer.alloc(header.length + sourceRecordBytes("urp-1") + 3 * arrivalBytes + noteBytes);
      let at = header.copy(data);
      writeSource(data, at, 1, "urp-1");
      at += sourceRecordBytes("urp-1");
      for (const [number, atMs] of [
        [1, 1000.5],
        [2, 2000.25],
      ] as const) {
        readKey(key(number));
        writeArrival(data, at, { atMs, sizeBytes: 7, source: 1, certain: false });
        at += arrivalBytes;
        if (number > 1) continue;
        writeNote(data, at, recordType.certain);
        at += noteBytes;
      }
      readKey(key(3));
      writeArrival(data, at, { atMs: 3000, sizeBytes: 7, source: 1, certain: false });
      await writeFile(path.join(folder, "0001"), data.subarray(0, at + 20));
      const { stdout } = await execa(process.execPath, ["-e", readArrivals, folder, "1500"]);
      expect(stdout).toBe(`${key(2).slice(0, 16)} 2000.25`);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("comes with what its unit has said, or is nothing where the answer breaks off", () => {
    const entry = JSON.stringify({ __REALTIME_TIMESTAMP: "1764288000123000", MESSAGE: "hello", PRIORITY: "6" });
    const answer = `00000000000000aa 1764288000100.5\nnoise\n== said\n${entry}\n\n== end\n`;
    expect(parseWords("bunny1", answer)).toMatchObject({
      dispatched: [{ key: "00000000000000aa", atMs: 1764288000100.5 }],
      said: [{ host: "bunny1", atMs: 1764288000123, text: "hello" }],
    });
    expect(parseWords("bunny1", "00000000000000aa 1\n== said\n")).toBeUndefined();
  });
});

const said = (host: string, atMs: number, text: string): LogLine => ({
  ...{ host, atMs, text },
  unit: "dispatcher",
  level: "info",
  fields: {},
});
const sent = (...times: readonly number[]) => times.map((atMs) => ({ key: key(atMs).slice(16), atMs }));

describe("the pause of a move", () => {
  const one: DispatcherWords = {
    dispatched: sent(100, 140, 180, 1000, 2000),
    said: [said("bunny1", 1030, "the virtual IP left this host")],
  };
  const other: DispatcherWords = {
    dispatched: [...sent(1250, 1290), { key: key(1000).slice(16), atMs: 0 }],
    said: [
      said("bunny2", 1090, "this host holds the virtual IP now"),
      said(
        "bunny2",
        1255,
        "taken over: first decision 165 ms after the address came, 2 ms after the first announcement",
      ),
    ],
  };
  const move = { from: "bunny1", to: "bunny2", toldAtMs: 1010 };

  it("is the longest time without a product from the last one before it on, beside what was usual before the drill", () => {
    expect(measureMove(move, 1900, [one, other], 500)).toEqual({
      ...{ from: "bunny1", to: "bunny2", products: 2, pauseMs: 250, usualMs: 40 },
      ...{ leftMs: 20, heldMs: 80, firstDecisionMs: 245 },
    });
  });

  it("takes of two dispatchers that know of one product the one that sent it: the other has its time in seconds", () => {
    expect(dispatchTimes([one, other])).toEqual([100, 140, 180, 1000, 1250, 1290, 2000]);
  });

  it("is not told where no product came", () => {
    const found = measureMove(move, 1900, [{ dispatched: [], said: other.said }], 500);
    expect(found).toEqual({ from: "bunny1", to: "bunny2", products: 0, heldMs: 80, firstDecisionMs: 245 });
  });
});

describe("the report", () => {
  const link = { host: "urp-1", step: "products are made", evidence: "old" };
  const report: DrillReport = {
    ok: false,
    moves: [{ from: "bunny1", to: "bunny2", products: 9, pauseMs: 250, usualMs: 40, heldMs: 80 }],
    trouble: [{ what: "it did not move in time", remedy: "look" }],
    before: [link],
    after: [link, { host: "bunny1", step: "no alarm", evidence: "an alarm" }],
  };

  it("has what is broken since, and not what was broken before", () => {
    expect(brokenSince(report.before, report.after)).toEqual([report.after[1]]);
    const text = formatDrill(report);
    expect(text).toMatch(/bunny1 -> bunny2 +250 ms +40 ms +- +80 ms +- +9$/m);
    expect(text).toContain("✗ it did not move in time\n  remedy: look");
    expect(text).toContain("✗ broken since: bunny1, no alarm: an alarm");
    expect(text).not.toContain("broken since: urp-1");
  });
});
