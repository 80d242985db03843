import { appendFile, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import {
  arrivalBytes,
  noteBytes,
  recordType,
  sourceRecordBytes,
  writeArrival,
  writeNote,
  writeSource,
} from "../../../agents/dispatcher/journal-record.ts";
import { readKey } from "../../../agents/dispatcher/product-key.ts";
import { productKey } from "../../../agents/lib/announcement.ts";
import { type LogEvent, logEvents } from "../../../agents/lib/log-events.ts";
import { TreeJournal } from "../../../agents/lib/tree-journal.ts";
import type { Inquiry } from "../../../agents/puller/peer-message.ts";
import { render } from "../../../infra/commands/command.ts";
import { answered } from "../../../infra/commands/fixture.ts";
import { section } from "../../../infra/commands/sections.ts";
import type { LogLine } from "../../inspect/logs/journal.ts";
import { type Installed, onTestHost, openPlacedIn, writeSegment } from "../../inspect/snapshot/journal-fixture.ts";
import { healthyEvidence } from "../../inspect/verify/fixture.ts";
import { accountOf, accountQuestion, parseAccount } from "./account.ts";
import { drillKinds } from "./kinds.ts";
import { formatDrills, logDrill, readDrills } from "./log.ts";
import { type DispatcherJournal, dispatcherQuestion, dispatchTimes, measurePhase, parseDispatcher } from "./measure.ts";
import { brokenSince, type DrillReport, formatDrill } from "./report.ts";

/** This machine has no accounts for agents. */
const ownRights = `--reuid=${process.getuid?.()} --regid=${process.getgid?.()}`;

const key = (number: number): string => number.toString(16).padStart(32, "0");

describe("a dispatcher's journal", () => {
  it.each<Installed>(["current", "former"])(
    "is read by %s agents from the files that the dispatcher writes, up to a record that is being written",
    { timeout: 60_000 },
    async (installed) => {
      const folder = await mkdtemp(path.join(tmpdir(), "warren-drill-"));
      try {
        const data = Buffer.alloc(sourceRecordBytes("urp-1") + 3 * arrivalBytes + noteBytes);
        writeSource(data, 0, 1, "urp-1");
        let at = sourceRecordBytes("urp-1");
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
        writeSegment(folder, 1, data.subarray(0, at + 20));
        // The owner of the folder could also put these there.
        await symlink("/dev/zero", path.join(folder, "journal/000000000002.journal"));
        await execa("mkfifo", [path.join(folder, "journal/000000000003.journal")]);
        const { chain } = healthyEvidence();
        const [sent = ""] = dispatcherQuestion(chain, "bunny1", 1500, 4000).split("\necho ");
        const { stdout } = await execa("sh", [], { input: onTestHost(sent, folder, ownRights, installed) });
        expect(parseDispatcher("bunny1", answered(`${stdout}\n== log\n\n== end\n`))?.dispatched).toEqual([
          { key: key(2), atMs: 2000.25 },
        ]);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );

  it("comes with the log of its unit; an incomplete answer is ignored", () => {
    const entry = JSON.stringify({ __REALTIME_TIMESTAMP: "1764288000123000", MESSAGE: "hello", PRIORITY: "6" });
    const about = { key: "aa", source: "urp-1", sizeBytes: 7, confirmed: true };
    const sent = JSON.stringify({ version: 1, agent: "dispatcher", event: "sent", timeMs: 1764288000100.5, ...about });
    const answer = `${sent}\nnoise\n== log\n${entry}\n\n== end\n`;
    expect(parseDispatcher("bunny1", answered(answer))).toMatchObject({
      dispatched: [{ key: "aa", atMs: 1764288000100.5 }],
      log: [{ host: "bunny1", atMs: 1764288000123, text: "hello" }],
    });
    expect(parseDispatcher("bunny1", answered(`${sent}\n== log\n`))).toBeUndefined();
  });
});

const logged = (host: string, atMs: number, event: LogEvent): LogLine => ({
  ...{ host, atMs, text: "…" },
  unit: "dispatcher",
  level: "info",
  fields: { event },
});
const sent = (...times: readonly number[]) => times.map((atMs) => ({ key: key(atMs).slice(16), atMs }));

describe("the pause of a move", () => {
  const one: DispatcherJournal = {
    dispatched: sent(100, 140, 180, 1000, 2000),
    log: [logged("bunny1", 1030, logEvents.addressLeft)],
  };
  const other: DispatcherJournal = {
    dispatched: [...sent(1250, 1290), { key: key(180).slice(16), atMs: 1000 }],
    log: [logged("bunny2", 1090, logEvents.addressHeld), logged("bunny2", 1255, logEvents.takenOver)],
  };
  const phase = { what: "moved", from: "bunny1", to: "bunny2", startedAtMs: 1010, untilMs: 1900 };

  it("is the longest time without a product, beginning with the last one before it, and has the usual pause beside it", () => {
    expect(measurePhase(phase, [one, other], 500)).toEqual({
      ...{ what: "moved", from: "bunny1", to: "bunny2", products: 2, pauseMs: 250, usualMs: 40 },
      ...{ leftMs: 20, heldMs: 80, firstDecisionMs: 245 },
    });
  });

  it("takes a product's time from the dispatcher that sent it: the other one rounds it up to seconds", () => {
    expect(dispatchTimes([one, other])).toEqual([100, 140, 180, 1000, 1250, 1290, 2000]);
  });

  it("is undefined if no product came", () => {
    const { startedAtMs: _, untilMs: __, ...about } = phase;
    const found = measurePhase(phase, [{ dispatched: [], log: other.log }], 500);
    expect(found).toEqual({ ...about, products: 0, heldMs: 80, firstDecisionMs: 245 });
  });
});

describe("the report", () => {
  const link = { host: "urp-1", id: "products-are-made", step: "products are made", evidence: "old" } as const;
  const report: DrillReport = {
    ...{ kind: "broker", host: "bunny1", ok: false, brokenOff: false },
    phases: [{ what: "kills it", from: "bunny1", to: "bunny2", products: 9, pauseMs: 250, usualMs: 40, heldMs: 80 }],
    account: { announced: 9, lost: ["A"], repeated: [] },
    trouble: [{ what: "it did not move in time", remedy: "look" }],
    before: [link],
    after: [link, { host: "bunny1", id: "no-alarm", step: "no alarm", evidence: "an alarm" }],
  };

  it("shows links that broke during the drill, and not those that were broken before", () => {
    expect(brokenSince(report.before, report.after)).toEqual([report.after[1]]);
    const text = formatDrill(report, 2000);
    expect(text).toMatch(/kills it +bunny1 -> bunny2 +250 ms +2000 ms +40 ms +- +80 ms +- +9$/m);
    expect(text).toContain("9 products announced during the drill: 1 lost, 0 placed twice");
    expect(text).toContain("✗ it did not move in time\n  remedy: look");
    expect(text).toContain("✗ newly broken: bunny1, no alarm: an alarm");
    expect(text).not.toContain("newly broken: urp-1");
  });

  it("is recorded with its date and shown in a row; a record cut off by a full disk is skipped", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "warren-drill-"));
    try {
      const file = path.join(folder, "drills/op.jsonl");
      expect(await readDrills("op", file)).toEqual([]);
      await logDrill("op", report, file);
      await appendFile(file, '{"at":"2026');
      const [kept, ...more] = await readDrills("op", file);
      expect([kept, more]).toEqual([{ ...report, at: expect.any(String), by: expect.any(String) }, []]);
      expect(formatDrills(kept ? [kept] : [])).toMatch(/broker +bunny1 +250 ms +- +9 +1 +0 +failed$/m);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("the account of products", () => {
  const file = (name: string) => `20150120/RADAR/${name}:URP:IWA:RADAR:META::20150120180902`;

  it.each<Installed>(["current", "former"])(
    "is read by %s agents from the journals that announcers and pullers write",
    { timeout: 120_000 },
    async (installed) => {
      const folder = await mkdtemp(path.join(tmpdir(), "warren-drill-"));
      try {
        let now = 1000;
        const announced = new TreeJournal({
          ...{ file: path.join(folder, "announced.journal"), keepSeconds: Number.POSITIVE_INFINITY },
          ...{ now: () => now, log: pino({ level: "silent" }) },
        });
        await announced.open();
        for (const [name, atMs] of [
          ["before", 900],
          ["A", 2000],
          ["B", 2100],
        ] as const) {
          now = atMs;
          announced.add(file(name), { inode: "1", size: 1, modifiedMs: 1 });
        }
        await announced.close();
        const placed = await openPlacedIn(folder, () => now);
        const about = (name: string): Inquiry => {
          const fileName = file(name).split("/").at(-1) ?? "";
          return { key: productKey(fileName), url: "http://u/", fileName, kind: "first", inDoubt: false };
        };
        placed.placing(about("A"), "part-1");
        // Another process with the same number: both products were placed.
        placed.placing(about("A"), "part-1");
        placed.placing(about("B"), "part-2");
        placed.dropped("part-2");
        await placed.close();
        const script = onTestHost(accountQuestion(1000), folder, ownRights, installed);
        const answer = (await execa("sh", [], { input: script })).stdout;
        const found = parseAccount(answer);
        expect(found && accountOf([found], 1000, 3000)).toEqual({
          announced: 2,
          lost: ["B:URP:IWA:RADAR:META"],
          repeated: ["A:URP:IWA:RADAR:META"],
        });
        expect(parseAccount(answer.replace(section("end"), ""))).toBeUndefined();
        // A host with neither agent.
        const none = await execa("sh", [], { input: accountQuestion(0) });
        expect(parseAccount(none.stdout)).toEqual({ announced: [], placed: [] });
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
});

describe("the kinds", () => {
  const evidence = healthyEvidence();
  const { chain } = evidence;

  it.each(drillKinds)(
    "$name is run on existing hosts, and undone by the host itself, by hand, and by the verb",
    (kind) => {
      const [host = ""] = kind.targets(evidence);
      expect(chain.hosts.map(({ name }) => name)).toContain(host);
      const strike = render(kind.strike(chain, host, 300).command);
      const heal = render(kind.heal(chain, host).command);
      expect(strike).toMatch(/systemd-run --quiet --unit=\S+ --on-active=300 .*&& date \+%s%3N && /);
      const byHost = /AccuracySec=1s (.+?) && date/.exec(strike)?.[1] ?? "";
      expect(heal).toContain(byHost);
      expect(kind.healByHand(chain, host)).toContain(byHost);
      expect(heal).toMatch(/systemctl stop \S+\.timer/);
    },
  );

  it("cut off a member without clients, until all others see it down", () => {
    const kind = drillKinds.find(({ name }) => name === "partition");
    expect(kind?.targets(evidence)).toEqual(["bunny2", "bunny3", "bunny1"]);
    expect(kind?.problemUntil(evidence, "bunny2")).toMatchObject({ host: "bunny1", evidence: "still sees it running" });
    const parted = healthyEvidence();
    for (const answer of Object.values(parted.broker.members)) {
      if ("nodes" in answer) {
        for (const node of answer.nodes as { name: string; running: boolean }[]) {
          if (node.name === "rabbit@bunny2") node.running = false;
        }
      }
    }
    expect(kind?.problemUntil(parted, "bunny2")).toBeUndefined();
  });
});
