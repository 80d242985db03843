import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { expect, test } from "vitest";
import { codecWis } from "./codec-wis.ts";

// A hundred broken notifications. Each is refused with the path of its fault. The published schema refuses it, too, unless only
// the standard's text has the rule.

const schemaFile = join(import.meta.dirname, "../../docs/subscribe/wis2-notification-message.json");
const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);
const isValid = ajv.compile(JSON.parse(readFileSync(schemaFile, "utf8")));

const digest = "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";
const sound = {
  id: "31e9d66a-cd83-4174-9429-b932f1abe1be",
  conformsTo: ["http://wis.wmo.int/spec/wnm/1/conf/core"],
  type: "Feature",
  geometry: { type: "Point", coordinates: [-73.5, 45.5, 30] },
  properties: {
    pubtime: "2013-06-06T14:47:09.250Z",
    datetime: "2013-06-06T14:40:00Z",
    data_id: "wis2/ca-eccc-msc/data/core/weather/surface-based-observations/weather-radar/x.gif",
    metadata_id: "urn:wmo:md:ca-eccc-msc:radar",
    producer: "ca",
    "global-cache": "ca-eccc-msc-global-cache",
    cache: true,
    integrity: { method: "sha512", value: digest },
    content: { encoding: "base64", size: 3, value: "AAAA" },
  },
  links: [{ href: "https://dd.weather.gc.ca/radar/x.gif", rel: "canonical", type: "image/gif", length: 3 }],
};

/** The valid notification with another value at a path. */
function broken(path: string, value: unknown): unknown {
  const copy = structuredClone(sound);
  const keys = path.split(".");
  const last = keys.pop() ?? "";
  const place = keys.reduce((at, key) => (at as unknown as Record<string, object>)[key] ?? {}, copy as object);
  if (value === undefined) delete (place as Record<string, unknown>)[last];
  else (place as Record<string, unknown>)[last] = value;
  return copy;
}

const notText = [7, true, null, {}, []];
const notTimes = ["", "2013-06-06", "20130606T144000Z", "2013-06-06T14:40:00", "2013-02-30T14:40:00Z", "today", 7];
const place = (coordinates: unknown) => ({ type: "Point", coordinates });
const area = (coordinates: unknown) => ({ type: "Polygon", coordinates });

/** Path of the key that is broken, and its values; where it differs, the path that is reported. */
const bySchema: readonly (readonly [path: string, values: readonly unknown[], reported?: string])[] = [
  ["id", [undefined, "", "1", "31e9d66a", "31e9d66a-cd83-4174-9429-b932f1abe1bX", ...notText]],
  ["type", [undefined, "feature", "FeatureCollection", null]],
  ["conformsTo", [undefined, [], ["http://wis.wmo.int/spec/wnm/2/conf/core"], "core"]],
  ["version", ["v04"], "conformsTo"],
  ["geometry", [undefined, "Point", 7, []]],
  ["geometry", [{ type: "LineString", coordinates: [] }, {}], "geometry.type"],
  ["geometry", [place(undefined), place([]), place([1]), place("1,2"), area(1)], "geometry.coordinates"],
  ["geometry", [place(["1", 2])], "geometry.coordinates.0"],
  ["geometry", [area([[[1, 2]]])], "geometry.coordinates.0"],
  ["properties", [undefined, null, [], "x"]],
  ["properties.pubtime", [undefined, null, ...notTimes]],
  ["properties.datetime", [undefined, ...notTimes]],
  ["properties.start_datetime", ["2013", null]],
  ["properties.data_id", [undefined, ...notText]],
  ["properties.metadata_id", notText],
  ["properties.producer", [7, null]],
  ["properties.global-cache", [7, null]],
  ["properties.cache", ["true", 1]],
  ["properties.integrity", ["sha512", null, 7]],
  ["properties.integrity.method", [undefined, "md5", "SHA512"]],
  ["properties.integrity.value", [undefined, 7, null, {}, [], true]],
  ["properties.content", ["AAAA", null]],
  ["properties.content.encoding", [undefined, "hex"]],
  ["properties.content.size", [undefined, "3", 4097, 1.5]],
  ["properties.content.value", [undefined, 7, "A".repeat(4097)]],
  ["links", [undefined, [], {}, "https://dd/x"]],
  ["links.0", ["https://dd/x", null]],
  ["links.0.href", [undefined, 7]],
  ["links.0.rel", [undefined, 7]],
  ["links.0.length", ["3"]],
  ["links.0.type", [7]],
];
const link = sound.links[0];
const byWords: typeof bySchema = [
  ["properties.pubtime", ["2013-06-06T10:47:09-04:00"]],
  ["properties.datetime", ["2013-06-06T10:47:09+01:00"]],
  [
    "links",
    [
      [link, link],
      [link, { ...link, rel: "update" }],
    ],
  ],
  [
    "links.0.href",
    ["", "dd/x", "file:///x", "javascript:alert(1)", "https://dd/?x", "https://dd/a/../x", "https://dd/%2fx"],
  ],
];

const cases = [
  ...bySchema.flatMap(([path, values, reported = path]) =>
    values.map((value) => ({ path, value, reported, schema: true })),
  ),
  ...byWords.flatMap(([path, values, reported = path]) =>
    values.map((value) => ({ path, value, reported, schema: false })),
  ),
];

test("the notification is valid before it is broken, and there are at least a hundred ways to break it", () => {
  expect(isValid(sound)).toBe(true);
  expect(codecWis.parse({ body: Buffer.from(JSON.stringify(sound)) }).ok).toBe(true);
  expect(cases.length).toBeGreaterThanOrEqual(100);
});

test.each(cases)("$path: $value is refused with the path $reported", ({ path, value, reported, schema }) => {
  const json = broken(path, value);
  const read = codecWis.parse({ body: Buffer.from(JSON.stringify(json)) });
  const escaped = reported.replaceAll(".", "\\.");
  expect(read).toEqual({ ok: false, reason: expect.stringMatching(new RegExp(`^wis ${escaped}: `)) });
  if (schema) expect(isValid(json)).toBe(false);
});
