import { expect, test } from "vitest";
import * as z from "zod";
import { applyWisRules, wisRules } from "./wis-rules.ts";

const rules = z.strictObject(wisRules).parse({
  centre: "ca-eccc-msc",
  topics: [
    { topic: "weather/experimental/other", policy: "recommended" },
    { folder: "radar", topic: "weather/surface-based-observations/weather-radar", metadataId: "urn:wmo:md:ca:radar" },
    { folder: "radar/wind", topic: "weather/surface-based-observations/wind-profile-radar" },
  ],
  sites: { XSS: { longitude: -119.5, latitude: 49.9 }, radar: { longitude: 0, latitude: 0, heightMetres: 1 } },
});
const applied = (relPath: string) => applyWisRules({ baseUrl: "https://dd/", relPath }, rules);
const keyOf = (relPath: string) => {
  const result = applied(relPath);
  return result.ok ? result.value.routingKey : result.reason;
};

test("the rule with the longest folder gives the topic; names of folders match completely", () => {
  const radar = "origin.a.wis2.ca-eccc-msc.data.core.weather.surface-based-observations";
  expect(keyOf("radar/XSS/a.gif")).toBe(`${radar}.weather-radar`);
  expect(keyOf("radar/wind/a.gif")).toBe(`${radar}.wind-profile-radar`);
  const other = "origin.a.wis2.ca-eccc-msc.data.recommended.weather.experimental.other";
  for (const path of ["radars/a.gif", "a.gif", "radar"]) expect(keyOf(path)).toBe(other);
});

test("the place is that of the last folder that is a site, and null if none is", () => {
  expect(applied("radar/x/XSS/y/a")).toMatchObject({
    value: { announcement: { wis: { geometry: { coordinates: [-119.5, 49.9] } } } },
  });
  expect(applied("radar/x/a")).toMatchObject({
    value: { announcement: { wis: { geometry: { coordinates: [0, 0, 1] } } } },
  });
  for (const path of ["x/XSS", "x/constructor/a"])
    expect(applied(path)).toMatchObject({ value: { announcement: { wis: { geometry: null } } } });
});

test.each([
  ["201306061440_XSS.gif", Date.UTC(2013, 5, 6, 14, 40)],
  ["20130606144005.gif", Date.UTC(2013, 5, 6, 14, 40, 5)],
  ["201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902", Date.UTC(2015, 0, 20, 18, 10)],
  ["201302301440.gif", null],
  ["2013060614405.gif", null],
  ["201306061440051.gif", null],
  ["20130606.gif", null],
  ["CASXX_201306061440.gif", null],
])("the time of the data is read from the name: %s", (name, dataTimeMs) => {
  expect(applied(`radar/${name}`)).toMatchObject({ value: { announcement: { wis: { dataTimeMs } } } });
});

test("values that the announcement itself has are kept", () => {
  const wis = { dataId: "own", geometry: null, dataTimeMs: 5, content: Buffer.from("x") };
  expect(applyWisRules({ baseUrl: "https://dd/", relPath: "radar/XSS/a", wis }, rules)).toMatchObject({
    value: { announcement: { wis: { ...wis, metadataId: "urn:wmo:md:ca:radar" } } },
  });
});
