import { describe, expect, it } from "vitest";
import { section } from "../../../infra/commands/sections.ts";
import { fixtureConfig } from "../../../infra/model/fixture.ts";
import { queriesOf } from "../logs.ts";
import { chainOf } from "../snapshot/chain.ts";
import { formatLine, journalQuestion, merged, parseJournal } from "./journal.ts";

const entry = (micros: number, unit: string, message: unknown, more = {}) =>
  JSON.stringify({
    __REALTIME_TIMESTAMP: String(micros),
    _SYSTEMD_UNIT: unit,
    PRIORITY: "6",
    MESSAGE: message,
    ...more,
  });
const pulled = { level: "info", time: "2026-11-27T20:50:03.123Z", agent: "puller", pid: 7, name: "puller" };

describe("journals of several hosts", () => {
  it("are parsed for agents and for other programs", () => {
    const agent = JSON.stringify({ ...pulled, fileName: "a b", bytes: 5, msg: "pulled" });
    const lines = parseJournal(
      "pds-1",
      [
        entry(1_000_000, "warren-puller.service", agent),
        entry(2_000_000, "init.scope", "Started.", { UNIT: "warren-puller.service" }),
        entry(3_000_500, "keepalived.service", [0xff, 0x41], { PRIORITY: "3" }),
        entry(4_000_000, "keepalived.service", null),
        "",
        section("end"),
      ].join("\n"),
    );
    expect(lines?.map((line) => formatLine(line, 6))).toEqual([
      "2026-11-27T20:50:03.123Z pds-1  puller info pulled fileName=a b bytes=5",
      "1970-01-01T00:00:02.000Z pds-1  puller info Started.",
      "1970-01-01T00:00:03.000Z pds-1  keepalived error \ufffdA",
      "1970-01-01T00:00:04.000Z pds-1  keepalived info (too long for the journal)",
    ]);
  });

  it("are ignored if the answer is incomplete", () => {
    expect(parseJournal("pds-1", entry(1, "x.service", "y"))).toBeUndefined();
    expect(parseJournal("pds-1", `${section("end")}\n`)).toEqual([]);
  });

  it("are merged by time", () => {
    const line = (atMs: number, host: string) => ({ atMs, host, unit: "puller", level: "info", text: "", fields: {} });
    const all = merged([
      [line(1, "a"), line(4, "a")],
      [line(2, "b"), line(4, "b")],
    ]);
    expect(all.map(({ atMs, host }) => `${atMs}${host}`)).toEqual(["1a", "2b", "4a", "4b"]);
  });

  it("are selected by host and agent", () => {
    const chain = chainOf("lab", fixtureConfig("lab"));
    const chosen = queriesOf(chain, { agent: ["dispatcher", "keepalived"], since: 60 });
    expect([...chosen.keys()]).toEqual(["bunny1", "bunny2"]);
    expect(chosen.get("bunny1")?.units).toEqual(["warren-dispatcher.service", "keepalived.service"]);
    expect([...queriesOf(chain, { host: ["pds-2"], since: 60 }).keys()]).toEqual(["pds-2"]);
    expect(() => queriesOf(chain, { host: ["pds-9"], since: 60 })).toThrow(/is not a host/);
    expect(() => queriesOf(chain, { host: ["pds-1"], agent: ["announcer"], since: 60 })).toThrow(
      /none of these hosts has announcer/,
    );
  });

  it("are limited by time and count", () => {
    const script = journalQuestion({ units: ["warren-puller.service"], sinceSeconds: 0.5, linesMax: 10 });
    expect(script).toContain("--since=-1s --lines=10 --unit=warren-puller.service");
  });
});
