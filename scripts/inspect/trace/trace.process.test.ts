import { chmodSync, mkdtempSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { arrivalBytes, twinBytes, writeArrival, writeTwin } from "../../../agents/dispatcher/journal-record.ts";
import { readKey } from "../../../agents/dispatcher/product-key.ts";
import type { ExportEntry } from "../../../agents/lib/journal-export.ts";
import { answered } from "../../../infra/commands/fixture.ts";
import { fixtureConfig } from "../../../infra/model/fixture.ts";
import { chainOf } from "../snapshot/chain.ts";
import { type Installed, onTestHost, openPlacedIn, placedFileIn, writeSegment } from "../snapshot/journal-fixture.ts";
import { formatTrace, parseTrace, traced, traceQuestion } from "./trace.ts";

const name = "201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META";
const key = "a985c32cbdee8af2ab5d7b8f6022e781";
const wanted = traced(`db/20150120/RADAR/URP/IWA/${name}::20150120180902`);

const kept = (agent: string, entry: ExportEntry): string => JSON.stringify({ version: 1, agent, ...entry });

describe("the trace of a product", () => {
  it("identifies it by name and key, with or without folders and stamp", () => {
    expect(wanted).toEqual({ name, key });
    expect(traced(name)).toEqual(wanted);
  });

  describe.each<Installed>(["current", "former"])("on hosts with %s agents", (installed) => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), "warren-trace-"));
      chmodSync(folder, 0o755);
    });
    afterEach(() => rmSync(folder, { recursive: true }));

    const chain = chainOf("lab", fixtureConfig("lab"));
    const ask = async (host: string) => {
      const script = onTestHost(
        traceQuestion(chain, host, wanted),
        folder,
        "--reuid=nobody --regid=nogroup",
        installed,
      );
      const { stdout, timedOut } = await execa("sh", ["-s"], { input: script, reject: false, timeout: 55_000 });
      expect(timedOut).toBe(false);
      return parseTrace(host, wanted, stdout)?.map(({ atMs, who, what }) => `${atMs} ${who} ${what}`);
    };

    it("reads a dispatcher's journal", { timeout: 60_000 }, async () => {
      const body = Buffer.from("body");
      const data = Buffer.alloc(2 * arrivalBytes + twinBytes("a.b", body));
      readKey("00000000000000000000000000000000");
      writeArrival(data, 0, { atMs: 1, sizeBytes: 1, source: 0, certain: false });
      readKey(key);
      writeArrival(data, arrivalBytes, { atMs: 1_421_777_342_250.5, sizeBytes: 498081, source: 0, certain: true });
      writeTwin(data, 2 * arrivalBytes, { writtenAtMs: 1_421_777_343_000, routingKey: "a.b", body });
      writeSegment(folder, 1, data);
      // The owner of the folder could also put these there.
      symlinkSync("/dev/zero", join(folder, "journal/000000000002.journal"));
      await execa("mkfifo", ["-m", "0666", join(folder, "journal/000000000003.journal")]);
      expect(await ask("bunny1")).toEqual([
        "1421777342250.5 dispatcher recorded as dispatched",
        "1421777343000 dispatcher twin stored, for pullers that ask for it",
      ]);
    });

    it("reads a puller's journal, only from regular files and as their owner", {
      timeout: 120_000,
    }, async () => {
      const journal = await openPlacedIn(folder, () => 3000);
      const about = { key, url: "http://urp-1/x", fileName: "x", kind: "twin", inDoubt: false } as const;
      journal.placing(about, "part-1");
      journal.placing({ ...about, key: "00000000000000000000000000000000" }, "part-2");
      await journal.close();
      chmodSync(placedFileIn(folder), 0o644);
      expect(await ask("pds-1")).toEqual(["3000 puller placed, as a twin: http://urp-1/x"]);
      const secret = join(folder, "of root");
      renameSync(placedFileIn(folder), secret);
      chmodSync(secret, 0o600);
      for (const to of ["/dev/zero", secret]) {
        symlinkSync(to, placedFileIn(folder));
        expect(await ask("pds-1")).toEqual([]);
        rmSync(placedFileIn(folder));
      }
      await execa("mkfifo", ["-m", "0666", placedFileIn(folder)]);
      expect(await ask("pds-1")).toEqual([]);
    });
  });

  it("asks px for the full name of a product, and a client for the name under which it is delivered", () => {
    const chain = chainOf("lab", fixtureConfig("lab"));
    const product = traced("201306061440_XSS_24_HR_ACCUM_MM.gif:URP:XSS:RADAR:GIF::20130606144709");
    expect(traceQuestion(chain, "px-1", product)).toMatch(/warren-delivery.* 201306061440_XSS_\S+:RADAR:GIF \|/);
    expect(traceQuestion(chain, "client-1", product)).toMatch(
      /warren-subscriber.* 201306061440_XSS_24_HR_ACCUM_MM.gif \|/,
    );
    const delivered = { __REALTIME_TIMESTAMP: "4000", MESSAGE: "delivered" };
    const both = ["sftp", "ftp"].flatMap((by) => [`== journal delivery-${by}`, JSON.stringify(delivered)]);
    expect(parseTrace("px-1", product, answered([...both, "== end", ""].join("\n")))?.map(({ who }) => who)).toEqual([
      "delivery-sftp",
      "delivery-ftp",
    ]);
    const got = { __REALTIME_TIMESTAMP: "5000", MESSAGE: "got /apps/px/rxq/dd/201306061440_XSS_24_HR_ACCUM_MM.gif" };
    const answer = ["== journal subscriber", JSON.stringify(got), "== end", ""].join("\n");
    expect(parseTrace("client-1", product, answered(answer))).toEqual([
      { atMs: 5, host: "client-1", who: "subscriber", what: got.MESSAGE },
    ]);
  });

  it("has each host's sightings, without names that only begin alike", () => {
    const path = `20150120/RADAR/URP/IWA/${name}::20150120180902`;
    const pulled = { level: "info", time: "2015-01-20T18:09:03.000Z", agent: "puller", msg: "pulled" };
    const urp = [
      "== lines announcer",
      kept("announcer", { event: "announced", timeMs: 1250, key, path, sizeBytes: 498081, modifiedMs: 1000 }),
      kept("announcer", { event: "announced", timeMs: 1, key: "of another", path: "x", sizeBytes: 1, modifiedMs: 1 }),
      "an answer that is not a line",
      "== journal announcer",
      "== end",
    ];
    const pds = [
      "== lines puller",
      kept("puller", { event: "placed", timeMs: 3000, key, url: "http://urp-1/x", fileName: "x", kind: "twin" }),
      "== journal puller",
      JSON.stringify({ __REALTIME_TIMESTAMP: "1", MESSAGE: JSON.stringify(pulled) }),
      "== end",
    ];
    const sent = { event: "sent", timeMs: 2000.5, key, source: "urp-1", sizeBytes: 498081, confirmed: true } as const;
    const bunny = [
      "== lines dispatcher",
      ...[kept("dispatcher", sent), kept("dispatcher", { event: "pulled", key })],
      ...["== journal dispatcher", "== end"],
    ];
    const all = [
      ["urp-1", urp],
      ["bunny1", bunny],
      ["pds-1", pds],
    ] as const;
    const found = all.flatMap(([host, lines]) => parseTrace(host, wanted, answered(lines.join("\n"))) ?? []);
    expect(found.map(({ host, atMs, who, what }) => `${host} ${atMs} ${who} ${what}`)).toEqual([
      `urp-1 1000 file written: ${path}, 498081 bytes`,
      "urp-1 1250 announcer announced",
      "bunny1 2000.5 dispatcher recorded as dispatched",
      "pds-1 3000 puller placed, as a twin: http://urp-1/x",
      `pds-1 ${Date.parse(pulled.time)} puller pulled`,
    ]);
    expect(formatTrace(wanted, found.slice(0, 2)).split("\n")[2]).toContain("+250 ms  urp-1  announcer     announced");
  });

  it("is empty if the answer is incomplete, and reports a product that is not seen anywhere", () => {
    expect(parseTrace("urp-1", wanted, answered("== lines announcer"))).toBeUndefined();
    expect(formatTrace(wanted, [])).toBe(`${name}  ${key}\nnot seen on any host\n`);
  });
});
