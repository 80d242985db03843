import { describe, expect, test } from "vitest";
import { productKey, productName } from "../../agents/lib/announcement.ts";
import { fingerprintOf, makeContent } from "./content.ts";
import { firstObservationOf, formatFileName, formatFolder, formatProductName } from "./names.ts";
import { planProducts } from "./plan.ts";
import { loadSamples } from "./samples.ts";

const samples = await loadSamples();
const options = {
  urps: ["urp-1", "urp-2"],
  count: 400,
  ratePerSecond: 20,
  seed: 1,
  firstObservation: new Date("2015-01-20T18:10:00Z"),
};
const plan = planProducts(options, samples);
const copies = plan.products.flatMap((product) => product.copies);

describe("names", () => {
  test("a name and its key are those of the source", () => {
    const observed = new Date("2015-01-20T18:10:00Z");
    const name = formatProductName({ observed, type: "PA,60,10,PA_PRECIPET,MM_HR,MM", site: "IWA" });
    const file = formatFileName(name, new Date("2015-01-20T18:09:02Z"));
    expect(file).toBe("201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902");
    expect(formatFolder(observed, "IWA")).toBe("20150120/RADAR/URP/IWA");
    expect(productKey(file)).toBe("a985c32cbdee8af2ab5d7b8f6022e781");
  });

  test("runs that start in different seconds share no observation minute, within hours and over midnight", () => {
    const starts = Array.from({ length: 4000 }, (_, second) => new Date(Date.UTC(2026, 2, 1, 23, 30, second)));
    const minutes = new Set(starts.map((start) => firstObservationOf(start).toISOString().slice(0, 16)));
    expect(minutes.size).toBe(starts.length);
    for (const start of starts) expect(firstObservationOf(start).getTime()).toBeLessThan(start.getTime());
  });
});

describe("a plan", () => {
  test("is the same for the same seed, and differs for another seed", () => {
    expect(planProducts(options, samples)).toEqual(plan);
    expect(planProducts({ ...options, seed: 2 }, samples)).not.toEqual(plan);
  });

  test("has each product once on every URP, with the same name and different stamps", () => {
    expect(new Set(plan.products.map(({ name }) => name)).size).toBe(400);
    expect(new Set(copies.map(({ file }) => file)).size).toBe(800);
    for (const product of plan.products) {
      expect(product.copies.map(({ urp }) => urp)).toEqual(["urp-1", "urp-2"]);
      for (const copy of product.copies) expect(productName(copy.file)).toBe(product.name);
    }
  });

  test("gives twins different bytes and sizes, except for products of 0 bytes", () => {
    for (const [one, other] of plan.products.map((product) => product.copies)) {
      if (one?.size === 0) expect(other?.size).toBe(0);
      else expect(one?.size).not.toBe(other?.size);
    }
  });

  test("has the size and SHA-256 of each file before it is written", () => {
    for (const { content, size, sha256 } of copies.slice(0, 50)) {
      if (!("recipe" in content)) throw new Error("a planned product is made by a recipe");
      expect(fingerprintOf(makeContent(content.recipe, samples))).toEqual({ size, sha256 });
    }
  });

  test("has a few products of 0 bytes and of 5 MB, even if it is small", () => {
    for (const count of [8, 100, 400]) {
      const sizes = planProducts({ ...options, count }, samples).products.map(
        ({ copies: [first] }) => first?.size ?? -1,
      );
      const empty = sizes.filter((size) => size === 0).length;
      const large = sizes.filter((size) => size >= 5_000_000).length;
      expect([empty, large].every((few) => few >= 1 && few <= count / 8)).toBe(true);
    }
  });

  test("has several sites and types, spaces, non-ASCII letters and URL-significant characters in names", () => {
    const sites = new Set(plan.products.map(({ name }) => name.split(":")[2]));
    expect(sites.size).toBe(16);
    for (const character of [" ", "É", "%", "#"]) {
      expect(plan.products.some(({ name }) => name.includes(character))).toBe(true);
    }
    for (const { file } of copies) expect(Buffer.byteLength(file)).toBeLessThanOrEqual(255);
  });

  test("has the requested rate, twins at most 200 ms apart, either URP first, and half of the files renamed into place", () => {
    const leads = plan.products.map(({ copies: [one, other] }) => (other?.atMs ?? 0) - (one?.atMs ?? 0));
    const firsts = plan.products.map(({ copies: both }) => Math.min(...both.map(({ atMs }) => atMs)));
    expect(firsts).toEqual(firsts.map((_, turn) => turn * 50));
    expect(Math.max(...leads.map(Math.abs))).toBeLessThanOrEqual(200);
    expect(leads.filter((lead) => lead > 0).length).toBeGreaterThan(100);
    expect(leads.filter((lead) => lead < 0).length).toBeGreaterThan(100);
    const renamed = copies.filter(({ renamed }) => renamed).length;
    expect(renamed).toBeGreaterThan(350);
    expect(renamed).toBeLessThan(450);
  });

  test("continues with the next minutes if one minute has too few names", () => {
    const names = planProducts({ ...options, count: 900 }, samples).products.map(({ name }) => name);
    expect(new Set(names).size).toBe(900);
    expect(new Set(names.map((name) => name.slice(0, 12))).size).toBe(3);
  });
});
