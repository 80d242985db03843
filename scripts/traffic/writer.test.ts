import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fingerprintOf } from "./content.ts";
import { planOwnFiles } from "./own-files.ts";
import { planProducts } from "./plan.ts";
import { loadSamples } from "./samples.ts";
import { type WrittenCopy, writeProducts } from "./writer.ts";

const samples = await loadSamples();
const urps = ["urp-1", "urp-2"];
const firstObservation = new Date("2015-01-20T18:10:00Z");
const plan = planProducts({ urps, count: 20, ratePerSecond: 100, seed: 3, firstObservation }, samples);
let folder = "";
let roots: Record<string, string> = {};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-writer-"));
  roots = { "urp-1": join(folder, "urp-1"), "urp-2": join(folder, "urp-2") };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("writing a plan", () => {
  test("writes every copy into its tree, byte for byte and readable by all, and reports when it was closed", async () => {
    const umask = process.umask(0o077);
    const written = await writeProducts(plan, { roots, samples }).finally(() => process.umask(umask));
    expect(written.length).toBe(40);
    for (const copy of plan.products.flatMap((product) => product.copies)) {
      const path = join(roots[copy.urp] ?? "", copy.path);
      expect(fingerprintOf(await readFile(path))).toEqual({ size: copy.size, sha256: copy.sha256 });
      const { mode, ctimeMs } = await stat(path);
      expect(mode & 0o777).toBe(0o644);
      expect((await stat(join(path, ".."))).mode & 0o777).toBe(0o755);
      expect(written.find(({ file, urp }) => file === copy.file && urp === copy.urp)?.closedMs).toBe(ctimeMs);
    }
  });

  test("leaves nothing beside the trees", async () => {
    await writeProducts(plan, { roots, samples });
    expect((await readdir(folder)).sort()).toEqual(urps);
  });

  test("is stopped by its signal, and returns the complete copies", async () => {
    const slow = planProducts({ urps, count: 20, ratePerSecond: 5, seed: 3, firstObservation }, samples);
    const stop = new AbortController();
    const seen: WrittenCopy[] = [];
    const onWritten = (copy: WrittenCopy): void => {
      seen.push(copy);
      if (seen.length === 3) stop.abort();
    };
    const written = await writeProducts(slow, { roots, samples, signal: stop.signal, onWritten });
    expect(written).toEqual(seen);
    expect(written.length).toBeLessThan(40);
  });

  test("fails with the path if a tree can't be written, without a stack trace", async () => {
    await writeFile(join(folder, "plain-file"), "");
    const broken = { ...roots, "urp-2": join(folder, "plain-file") };
    await expect(writeProducts(plan, { roots: broken, samples })).rejects.toThrow(/plain-file/);
  });

  test("overwrites nothing: a second run of the same plan fails", async () => {
    await writeProducts(plan, { roots, samples });
    await expect(writeProducts(plan, { roots, samples })).rejects.toMatchObject({ name: "UserError" });
  });
});

describe("the user's own files", () => {
  const now = new Date("2026-03-01T12:00:00Z");
  const common = { urps, ratePerSecond: 100, firstObservation, now };

  test("get product names from their own names, and are written to both URPs' trees with the same bytes", async () => {
    const file = join(folder, "storm: a & b.png");
    await writeFile(file, "picture");
    const own = await planOwnFiles({ ...common, files: [file] });
    expect(own.products[0]?.name).toBe("201501201810~~storm_ a & b.png:URP:OWN:RADAR:META");
    const written = await writeProducts(own, { roots, samples });
    expect(written.map((copy) => copy.file.slice(-16)).sort()).toEqual(["::20260301120000", "::20260301120001"]);
    for (const copy of own.products[0]?.copies ?? []) {
      expect(await readFile(join(roots[copy.urp] ?? "", copy.path), "utf8")).toBe("picture");
    }
  });

  test("keep their name and site if they have a product name", async () => {
    const name = "201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META";
    await writeFile(join(folder, `${name}::20150120180902`), "x");
    const own = await planOwnFiles({ ...common, files: [join(folder, `${name}::20150120180902`)] });
    expect(own.products[0]?.name).toBe(name);
    expect(own.products[0]?.copies[0]?.path).toBe(`20260301/RADAR/URP/IWA/${name}::20260301120000`);
  });

  test.each([
    ["a folder", [""], /is a folder/],
    ["a missing file", ["none"], /none/],
    ["two files with the same name", ["one", "./one"], /two of the given files/],
    ["a name too long for a product", ["x".repeat(220)], /at most 255/],
  ])("that can't be sent are refused by name: %s", async (_case, names, message) => {
    for (const name of names) if (name !== "" && name !== "none") await writeFile(join(folder, name), "x");
    const files = names.map((name) => join(folder, name));
    await expect(planOwnFiles({ ...common, files })).rejects.toMatchObject({ name: "UserError" });
    await expect(planOwnFiles({ ...common, files })).rejects.toSatisfy((error: { format(): string }) =>
      message.test(error.format()),
    );
  });
});
