import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../../../../agents/lib/errors.ts";
import { type Hop, missingHops, type ProbedRoad, resultOf } from "./hops.ts";
import { markOf, publicNameDefault, publicProduct, radarProduct } from "./product.ts";
import { cleanQuestion } from "./questions.ts";
import { formatProbe } from "./report.ts";
import { senderProducts, withProbes } from "./run.ts";

const now = new Date("2026-11-28T04:23:26Z");
const mark = markOf("ab12cd");

describe("a probe's names", () => {
  const rules = [{ reject: "^x" }, { accept: "^[^:]*_24_HR_ACCUM_MM\\.gif:URP:(\\w+):RADAR:GIF:", directory: "radar" }];

  it("are like those of radar servers, with the mark in the common part of the name", () => {
    const { file, folder, traced } = radarProduct(mark, now);
    expect(`${folder}${file}`).toBe(
      "20261128/RADAR/URP/PROBE/202611280423~~PROBE,0,0,WARRENPROBEab12cd,NA,NA:URP:PROBE:RADAR:META::20261128042326",
    );
    expect(traced.name).toContain(mark);
  });

  it("are accepted by px's rules, with the mark in the delivered name", () => {
    expect(publicProduct(mark, now, rules, publicNameDefault).file).toBe(
      "202611280423_WARRENPROBEab12cd_24_HR_ACCUM_MM.gif:URP:PROBE:RADAR:GIF::20261128042326",
    );
  });

  it.each([
    ["{mark}.png", /rules refuse WARRENPROBEab12cd.png/],
    ["{minute}_24_HR_ACCUM_MM.gif:URP:PROBE:RADAR:GIF::{mark}", /\{mark\} before its first colon/],
    ["../{mark}_24_HR_ACCUM_MM.gif:URP:PROBE:RADAR:GIF:", /expected a file name/],
  ])("are refused where they would go nowhere: %s", (template, message) => {
    expect(() => publicProduct(mark, now, rules, template)).toThrow(UserError);
    expect(() => publicProduct(mark, now, rules, template)).toThrow(message);
  });
});

describe("a probe's senders", () => {
  const takes = [{ accept: "^[^:]*_24_HR_ACCUM_MM\\.gif:" }];
  const refuses = [{ reject: "^" }];

  it("are those whose rules accept its name, each with its own product", () => {
    const products = senderProducts({ ftp: takes, other: refuses, sftp: takes }, publicNameDefault);
    expect(Object.keys(products)).toEqual(["ftp", "sftp"]);
    expect(products.ftp?.mark).not.toBe(products.sftp?.mark);
  });

  it("are none if there are none, and an error if all refuse it", () => {
    expect(senderProducts({}, publicNameDefault)).toEqual({});
    expect(() => senderProducts({ one: refuses, other: refuses }, publicNameDefault)).toThrow(/rules refuse/);
  });
});

describe("the result of a probe", () => {
  const radar: ProbedRoad = {
    ...{ road: "radar", product: "p", ends: ["pds-1", "pds-2"], all: false, last: "pulled" },
    hostOf: (hop) => `host of ${hop}`,
  };
  const toClients: ProbedRoad = {
    ...radar,
    road: "public",
    ends: ["client-1", "client-2"],
    all: true,
    last: "fetched",
  };
  const seen = (...words: string[]): Hop[] =>
    words.map((word, index) => {
      const [hop, host = ""] = word.split("@");
      return { hop: hop as Hop["hop"], host, atMs: 1000 + index * 10 };
    });

  it("misses hops that no host has reported, up to the last one", () => {
    expect(missingHops(radar, seen("made@urp-1", "dispatched@bunny1", "pulled@pds-2"))).toEqual(["announced"]);
    expect(missingHops({ road: "public", last: "announced" }, seen("given@px-1", "announced@px-1"))).toEqual([
      "delivered",
    ]);
  });

  it("lists hops by time, each host once, with the time taken", () => {
    const hops = seen(
      "made@urp-1",
      "announced@urp-1",
      "dispatched@bunny1",
      "pulled@pds-2",
      "pulled@pds-2",
      "made@urp-2",
    );
    const result = resultOf(radar, hops, 30, []);
    expect(result).toMatchObject({ arrived: true, totalMs: 30 });
    expect(result.hops.map(({ hop, host, afterMs }) => `${hop} ${host} ${afterMs}`)).toEqual([
      ...["made urp-1 0", "announced urp-1 10", "dispatched bunny1 20", "pulled pds-2 30", "made urp-2 50"],
    ]);
    expect(formatProbe({ ...result, road: "public", sender: "ftp" })).toMatch(/^probe: a product of px by ftp, p\n/);
    expect(formatProbe(result)).toMatch(/pulled +pds-2 +00:00:01\.030 +\+30 ms\n[\s\S]*arrived after 30 ms/);
  });

  it.each([
    [radar, [], "made", "host of made", /could not be written/],
    [radar, ["made@urp-1"], "announced", "host of announced", /made, but not announced within 30 s/],
    [radar, ["made@urp-1", "dispatched@bunny1"], "pulled", "host of pulled", /dispatched, but not pulled/],
    [
      toClients,
      ["given@px-1", "delivered@dd", "announced@px-1", "fetched@client-1"],
      "fetched",
      "client-2",
      /not fetched/,
    ],
  ] as const)("names the missing hop", (road, words, hop, host, evidence) => {
    const { stopped, arrived } = resultOf(road, seen(...words), 30, ["urp-1"]);
    expect(arrived).toBe(false);
    expect(stopped).toMatchObject({ hop, host });
    expect(stopped?.evidence).toMatch(evidence);
  });

  it("is the first broken link only if verify has found none", () => {
    const none = { ok: true, firstBroken: null, steps: [] };
    const stopped = resultOf(radar, seen("made@urp-1"), 30, ["urp-1"]);
    const found = withProbes(none, [stopped], "lab");
    expect(found).toMatchObject({ ok: false, firstBroken: { host: "host of announced", step: "probe is announced" } });
    expect(found.firstBroken?.remedy).toMatch(/warren trace 'p' -s lab/);
    const link = { host: "urp-1", id: "announcer-runs", step: "announcer runs", evidence: "", remedy: "" } as const;
    expect(withProbes({ ...none, ok: false, firstBroken: link }, [stopped], "lab").firstBroken).toBe(link);
    expect(withProbes(none, [], "lab")).toBe(none);
  });
});

describe("cleaning up", () => {
  let root = "";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "warren-probe-"));
  });
  afterEach(() => rmSync(root, { recursive: true }));
  const clean = () => execa("sh", ["-s"], { input: cleanQuestion([root], radarProduct(mark, now)) });

  it("removes the probe and the folders made for it", async () => {
    const folder = join(root, "20261128/RADAR/URP/PROBE");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, radarProduct(mark, now).file), "");
    chmodSync(root, 0o755);
    await clean();
    expect(readdirSync(root)).toEqual([]);
  });

  it("keeps other files, and folders that are not empty", async () => {
    const { file } = radarProduct(markOf("zz99zz"), now);
    for (const site of ["PROBE", "IWA"]) {
      mkdirSync(join(root, "20261128/RADAR/URP", site), { recursive: true });
      writeFileSync(join(root, "20261128/RADAR/URP", site, file), "x");
    }
    mkdirSync(join(root, "empty"));
    await clean();
    expect(readFileSync(join(root, "20261128/RADAR/URP/PROBE", file), "utf8")).toBe("x");
    expect(existsSync(join(root, "20261128/RADAR/URP/IWA", file))).toBe(true);
    expect(existsSync(join(root, "empty"))).toBe(true);
  });
});
