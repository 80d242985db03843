import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import {
  arrivalBytes,
  makeHeader,
  twinBytes,
  writeArrival,
  writeTwin,
} from "../../../agents/dispatcher/journal-record.ts";
import { readKey } from "../../../agents/dispatcher/product-key.ts";
import { answered } from "../../../infra/commands/fixture.ts";
import { fixtureConfig } from "../../../infra/model/fixture.ts";
import { chainOf } from "../look/chain.ts";
import { formatTrace, parseTrace, readRecords, traced, traceQuestion } from "./trace.ts";

const name = "201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META";
const key = "a985c32cbdee8af2ab5d7b8f6022e781";
const wanted = traced(`db/20150120/RADAR/URP/IWA/${name}::20150120180902`);

describe("the trace of a product", () => {
  it("knows it by name and key, with or without folders and stamp", () => {
    expect(wanted).toEqual({ name, key });
    expect(traced(name)).toEqual(wanted);
  });

  it("finds in a dispatcher's journal what the dispatcher wrote", async () => {
    const body = Buffer.from("body");
    const data = Buffer.alloc(2 * arrivalBytes + twinBytes("a.b", body));
    readKey("00000000000000000000000000000000");
    writeArrival(data, 0, { atMs: 1, sizeBytes: 1, source: 0, certain: false });
    readKey(key);
    writeArrival(data, arrivalBytes, { atMs: 1_421_777_342_250, sizeBytes: 498081, source: 0, certain: true });
    writeTwin(data, 2 * arrivalBytes, { writtenAtMs: 1_421_777_343_000, routingKey: "a.b", body });
    const folder = mkdtempSync(join(tmpdir(), "warren-trace-"));
    try {
      writeFileSync(join(folder, "1.journal"), Buffer.concat([makeHeader(), data]));
      const { stdout } = await execa(process.execPath, ["-e", readRecords, folder, key]);
      expect(stdout.split("\n")).toEqual(["first 1421777342250", "twin 1421777343000"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("reads plain files alone, as the account whose they are", async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-trace-"));
    try {
      chmodSync(folder, 0o755);
      const secret = join(folder, "of root");
      writeFileSync(secret, key, { mode: 0o600 });
      const line = JSON.stringify(["placing", "part", 3000, { key, url: "http://urp-1/x", kind: "first" }]);
      writeFileSync(join(folder, "placed-urp-1.jsonl"), `${line}\n`);
      writeFileSync(join(folder, "1.journal"), Buffer.concat([Buffer.alloc(9), Buffer.from(key, "hex")]));
      for (const [place, to] of [
        ["placed-urp-2.jsonl", "/dev/zero"],
        ["placed-urp-3.jsonl.1", secret],
      ] as const) {
        symlinkSync(to, join(folder, place));
      }
      await execa("mkfifo", ["-m", "0666", join(folder, "placed-fifo.jsonl")]);
      const chain = chainOf("lab", fixtureConfig("lab"));
      const ask = async (host: string) => {
        const script = traceQuestion(chain, host, wanted)
          .replaceAll(/\/var\/lib\/warren\/(puller|dispatcher\/journal)/g, folder)
          .replaceAll("/opt/warren/node/bin/node", process.execPath)
          .replaceAll(/--reuid=(px|warren) --regid=(px|warren)/g, "--reuid=nobody --regid=nogroup");
        return await execa("sh", ["-s"], { input: script, reject: false, timeout: 9000 });
      };
      expect(parseTrace("pds-1", wanted, (await ask("pds-1")).stdout)?.map(({ what }) => what)).toEqual([
        "placed: http://urp-1/x",
      ]);
      const bunny = await ask("bunny1");
      expect(bunny.timedOut).toBe(false);
      expect(parseTrace("bunny1", wanted, bunny.stdout)).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("asks px for the whole name of a product, and a client for what it is delivered under", () => {
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
    const said = { __REALTIME_TIMESTAMP: "5000", MESSAGE: "got /apps/px/rxq/dd/201306061440_XSS_24_HR_ACCUM_MM.gif" };
    const answer = ["== journal subscriber", JSON.stringify(said), "== end", ""].join("\n");
    expect(parseTrace("client-1", product, answered(answer))).toEqual([
      { atMs: 5, host: "client-1", who: "subscriber", what: said.MESSAGE },
    ]);
  });

  it("has each host's sightings, those of a name that only begins alike left out", () => {
    const path = `20150120/RADAR/URP/IWA/${name}::20150120180902`;
    const pulled = { level: "info", time: "2015-01-20T18:09:03.000Z", agent: "puller", msg: "pulled" };
    const urp = [
      "== lines announcer",
      JSON.stringify([path, "7", 498081, 1000, 1250]),
      JSON.stringify([`${path.split("::")[0]}2::x`, "8", 1, 1, 1]),
      "== journal announcer",
      "== end",
    ];
    const pds = [
      "== lines puller",
      JSON.stringify(["placing", "part", 3000, { key, url: "http://urp-1/x", kind: "twin" }]),
      "== journal puller",
      JSON.stringify({ __REALTIME_TIMESTAMP: "1", MESSAGE: JSON.stringify(pulled) }),
      "== end",
    ];
    const bunny = ["== lines dispatcher", "first 2000.5", "== journal dispatcher", "== end"];
    const all = [
      ["urp-1", urp],
      ["bunny1", bunny],
      ["pds-1", pds],
    ] as const;
    const found = all.flatMap(([host, lines]) => parseTrace(host, wanted, answered(lines.join("\n"))) ?? []);
    expect(found.map(({ host, atMs, who, what }) => `${host} ${atMs} ${who} ${what}`)).toEqual([
      `urp-1 1000 file written: ${path}, 498081 bytes`,
      "urp-1 1250 announcer announced",
      "bunny1 2000.5 dispatcher known to be dispatched, first arrival",
      "pds-1 3000 puller placed, as a twin: http://urp-1/x",
      `pds-1 ${Date.parse(pulled.time)} puller pulled`,
    ]);
    expect(formatTrace(wanted, found.slice(0, 2)).split("\n")[2]).toContain("+250 ms  urp-1  announcer     announced");
  });

  it("is none where the answer breaks off, and says so where nobody knows the product", () => {
    expect(parseTrace("urp-1", wanted, answered("== lines announcer"))).toBeUndefined();
    expect(formatTrace(wanted, [])).toBe(`${name}  ${key}\nseen nowhere\n`);
  });
});
