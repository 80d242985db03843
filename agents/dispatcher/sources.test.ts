import fc from "fast-check";
import { expect, test } from "vitest";
import { Sources, sourcesMax } from "./sources.ts";

const minute = 60_000;
const silence = 5 * minute;

/** The named sources announce once a minute from `fromMs` to `toMs`. */
function announce(sources: Sources, names: readonly string[], fromMs: number, toMs: number): void {
  for (let atMs = fromMs; atMs <= toMs; atMs += minute) for (const name of names) sources.won(name, atMs);
}

test("a source that is silent while another is not is reported once, and once when it is heard again, with the duration", () => {
  const sources = new Sources(silence);
  announce(sources, ["urp-1", "urp-2"], 0, 10 * minute);
  announce(sources, ["urp-1"], 11 * minute, 14 * minute);
  expect(sources.check(14 * minute)).toEqual([]);
  announce(sources, ["urp-1"], 15 * minute, 15 * minute);
  expect(sources.check(15 * minute)).toEqual([{ source: "urp-2", silent: true, forMs: silence, forgotten: false }]);
  expect(sources.check(16 * minute)).toEqual([]);
  expect(sources.silent).toEqual(["urp-2"]);
  sources.twin("urp-2", "urp-1", false, 17 * minute);
  expect(sources.check(17 * minute)).toEqual([{ source: "urp-2", silent: false, forMs: 7 * minute, forgotten: false }]);
  expect(sources.silent).toEqual([]);
});

test("when all are silent there is no alarm, and the first to come back makes the other one silent", () => {
  const sources = new Sources(silence);
  announce(sources, ["urp-1", "urp-2"], 0, 0);
  expect(sources.check(60 * minute)).toEqual([]);
  sources.won("urp-1", 61 * minute);
  expect(sources.check(61 * minute)).toMatchObject([{ source: "urp-2", silent: true }]);
});

test("an alarm stays when the other source falls silent too", () => {
  const sources = new Sources(silence);
  announce(sources, ["urp-1", "urp-2"], 0, 0);
  announce(sources, ["urp-1"], minute, 6 * minute);
  sources.check(6 * minute);
  expect(sources.check(60 * minute)).toEqual([]);
  expect(sources.silent).toEqual(["urp-2"]);
});

test("a single source never raises an alarm: it may be silent because of the weather", () => {
  const sources = new Sources(silence);
  announce(sources, ["urp-1"], 0, 0);
  expect(sources.check(1000 * minute)).toEqual([]);
});

test("a source silent for a day is forgotten, and its alarm ends", () => {
  const sources = new Sources(silence);
  announce(sources, ["urp-1", "urp-2"], 0, 0);
  announce(sources, ["urp-1"], minute, 24 * 60 * minute);
  expect(sources.check(6 * minute + 23 * 60 * minute)).toMatchObject([{ source: "urp-2", silent: true }]);
  expect(sources.check(24 * 60 * minute)).toMatchObject([{ source: "urp-2", silent: false, forgotten: true }]);
  expect([...sources.all].map(({ name }) => name)).toEqual(["urp-1"]);
});

test("a host that begins to dispatch gives every source the full time to be heard", () => {
  const sources = new Sources(silence);
  sources.seen("urp-2", 0);
  announce(sources, ["urp-1"], 0, 30 * minute);
  sources.restartSilence(30 * minute);
  sources.won("urp-1", 31 * minute);
  expect(sources.check(31 * minute)).toEqual([]);
  sources.won("urp-1", 35 * minute);
  expect(sources.check(35 * minute)).toMatchObject([{ source: "urp-2", silent: true }]);
});

test("twins are counted by the source that was first, and sizes that differ are counted", () => {
  const sources = new Sources(silence);
  sources.won("urp-1", 0);
  sources.twin("urp-2", "urp-1", true, 1);
  sources.twin("urp-2", "urp-1", false, 2);
  sources.twin("urp-2", "unheard of", false, 3);
  expect([...sources.all].find(({ name }) => name === "urp-2")).toMatchObject({
    first: 0,
    twins: new Map([
      ["urp-1", 2],
      ["other", 1],
    ]),
    sizeDiffers: 1,
    lastAtMs: 3,
  });
});

test("however many hosts are named in announcements, a limited number is told apart, and everything is counted", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 200 }))), (pairs) => {
      const sources = new Sources(silence);
      for (const [winner, other] of pairs) {
        sources.won(`h${winner}`, 0);
        sources.twin(`h${other}`, `h${winner}`, false, 0);
      }
      const all = [...sources.all];
      expect(all.length).toBeLessThanOrEqual(sourcesMax + 1);
      expect(all.reduce((sum, { first }) => sum + first, 0)).toBe(pairs.length);
      const twins = all.flatMap((source) => [...source.twins.values()]);
      expect(twins.reduce((sum, count) => sum + count, 0)).toBe(pairs.length);
      expect(all.every((source) => source.twins.size <= sourcesMax + 1)).toBe(true);
    }),
  );
});
