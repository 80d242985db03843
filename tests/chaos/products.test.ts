import { describe, expect, it } from "vitest";
import { productKey, productName } from "../../agents/lib/announcement.ts";
import { seededRandom } from "../../scripts/traffic/random.ts";
import { contentOf, isChaosFile, makeProduct, runMark } from "./products.ts";

const observed = new Date("2026-11-25T01:38:00Z");
const make = (count: number, seed = 5) => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, number) =>
    makeProduct("RUN1", number, { urps: ["urp-1", "urp-2"], observed, random }),
  );
};

describe("products of a run", () => {
  const products = make(400);

  it("have unique names and keys, the same on both radar servers", () => {
    expect(new Set(products.map(({ name }) => name)).size).toBe(products.length);
    for (const { name, key, copies } of products) {
      for (const { file } of copies) {
        expect(productName(file)).toBe(name);
        expect(productKey(file)).toBe(key);
      }
    }
  });

  it("are recognised by their names, also as this run's", () => {
    for (const { copies } of products) {
      expect(copies.every(({ file }) => isChaosFile(file) && file.includes(runMark("RUN1")))).toBe(true);
    }
    expect(isChaosFile("202611250138~~PPI,0.3,10,CAPPI,DBZ,DBZ:URP:IWA:RADAR:META::20261125013801")).toBe(false);
  });

  it("differ between the servers in size, stamp and bytes, and name their server", () => {
    for (const { copies } of products) {
      const [one, two] = copies;
      expect(one?.file).not.toBe(two?.file);
      expect(one?.size).not.toBe(two?.size);
      expect(one?.content.bytes).toEqual(contentOf(one?.file ?? "", "urp-1", one?.size ?? 0));
    }
  });

  it("appear first on either server, with twins usually soon, sometimes seconds later", () => {
    const lags = products.map(({ copies }) => copies.map(({ lagMs }) => lagMs));
    expect(lags.every(([one, two]) => one === 0 || two === 0)).toBe(true);
    const late = lags.flat().filter((lagMs) => lagMs > 2000).length;
    expect(late).toBeGreaterThan(products.length / 50);
    expect(late).toBeLessThan(products.length / 4);
    const first = products.filter(({ copies }) => copies[0]?.lagMs === 0).length;
    expect(first).toBeGreaterThan(products.length / 3);
    expect(first).toBeLessThan((products.length * 2) / 3);
  });

  it("are the same for the same seed", () => {
    expect(make(20)).toEqual(products.slice(0, 20));
    expect(make(20, 6)).not.toEqual(products.slice(0, 20));
  });
});
