import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Announcement, announcementUrl, nothingToFetch } from "./announcement.ts";
import { codecWis, notificationId } from "./codec-wis.ts";
import { codecs } from "./codecs.ts";
import { checkIntegrity } from "./wis-content.ts";

const schemaFile = join(import.meta.dirname, "../../docs/subscribe/wis2-notification-message.json");
const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);
const isValid = ajv.compile(JSON.parse(readFileSync(schemaFile, "utf8")));

const sha512 = "cf83e1357eefb8bd".repeat(8);
const product: Announcement = {
  baseUrl: "https://dd1.weather.gc.ca/",
  relPath: "radar/24_HR_ACCUM/GIF/XSS/201306061440_XSS_24_HR_ACCUM_MM.gif",
  sizeBytes: 9,
  sum: { method: "sha512", value: sha512 },
  pubTimeMs: Date.UTC(2013, 5, 6, 14, 47, 9, 250),
};

function written(announcement: Announcement): Buffer {
  const message = codecWis.format(announcement);
  if (!message.ok) throw new Error(message.reason);
  return message.value.body;
}
const jsonOf = (announcement: Announcement) => JSON.parse(written(announcement).toString());

test("the original system's product is a notification of the standard in force", () => {
  expect(jsonOf(product)).toEqual({
    id: notificationId(announcementUrl(product), product),
    conformsTo: ["http://wis.wmo.int/spec/wnm/1/conf/core"],
    type: "Feature",
    geometry: null,
    properties: {
      pubtime: "2013-06-06T14:47:09.250Z",
      datetime: null,
      data_id: product.relPath,
      integrity: { method: "sha512", value: Buffer.from(sha512, "hex").toString("base64") },
    },
    links: [{ href: announcementUrl(product), rel: "canonical", length: 9 }],
  });
});

test("the id does not depend on when the product was announced, and other content has another one", () => {
  const { id } = jsonOf(product);
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(jsonOf({ ...product, pubTimeMs: 0 }).id).toBe(id);
  expect(jsonOf({ ...product, sum: { method: "sha512", value: "0".repeat(128) } }).id).not.toBe(id);
  expect(jsonOf({ ...product, relPath: "radar/other.gif" }).id).not.toBe(id);
  expect(jsonOf({ ...product, wis: { relation: "deletion" } }).id).not.toBe(id);
});

test("UUIDs are those of RFC 9562: version 5 of a name below the namespace of URLs", () => {
  // Python: uuid.uuid5(uuid.NAMESPACE_URL, "http://a/b key")
  expect(notificationId("http://a/b", { baseUrl: "http://a/", relPath: "b", key: "key" })).toBe(
    "4c890f7f-eca0-53b3-9a47-e01268dba450",
  );
});

test("a deletion is written as a valid notification, and read as nothing to fetch", () => {
  const body = written({ ...product, wis: { relation: "deletion", content: Buffer.from("gone") } });
  expect(isValid(JSON.parse(body.toString()))).toBe(true);
  expect(JSON.parse(body.toString())).toMatchObject({
    links: [{ rel: "deletion" }],
    properties: expect.not.objectContaining({ content: expect.anything() }),
  });
  expect(codecWis.parse({ body })).toEqual({ ok: false, reason: nothingToFetch });
});

test("content is embedded if it fits, and read back", () => {
  const content = Buffer.alloc(3069, 7);
  const body = written({ ...product, wis: { content } });
  expect(codecWis.parse({ body })).toMatchObject({ value: { wis: { content } } });
  expect(jsonOf({ ...product, wis: { content: Buffer.alloc(3072) } }).properties.content).toBeUndefined();
  // The URL and the data id leave no room for it.
  const long = { ...product, relPath: `radar/${"x".repeat(2500)}`, wis: { content } };
  expect(jsonOf(long).properties.content).toBeUndefined();
});

const withContent = (content: object) => {
  const json = jsonOf(product);
  return codecWis.parse({
    body: Buffer.from(JSON.stringify({ ...json, properties: { ...json.properties, content } })),
  });
};
const gzipped = (bytes: Buffer) => gzipSync(bytes).toString("base64");

test("embedded content of any encoding is read, and left out if its size or encoding is wrong", () => {
  const content = Buffer.from("é!");
  expect(withContent({ encoding: "utf-8", size: 3, value: "é!" })).toMatchObject({ value: { wis: { content } } });
  expect(withContent({ encoding: "gzip", size: 3, value: gzipped(content) })).toMatchObject({
    value: { wis: { content } },
  });
  for (const [encoding, value] of [
    ["utf-8", "more"],
    ["base64", "AAAABBBB"],
    ["base64", "?"],
    ["base64", "AAA"],
    ["gzip", "AAAA"],
    // A bomb.
    ["gzip", gzipped(Buffer.alloc(1_000_000))],
  ])
    expect(withContent({ encoding, size: 3, value })).toMatchObject({
      value: { sizeBytes: 9, wis: expect.not.objectContaining({ content: expect.anything() }) },
    });
});

test.each([
  ["file:///apps/", "x", /http, https, ftp or sftp/],
  ["ftps://dd/", "x", /http, https, ftp or sftp/],
  ["http://dd/%zz/", "x", /"%"/],
  ["http://dd/", "../x", /"\.\." part/],
  ["http://dd/", "x".repeat(8000), /too long/],
])("a product that nobody could fetch is not written: %s", (baseUrl, relPath, reason) => {
  expect(codecWis.format({ baseUrl, relPath, pubTimeMs: 0 })).toMatchObject({
    ok: false,
    reason: expect.stringMatching(reason),
  });
});

test("bad details are refused when written, with their path", () => {
  expect(codecWis.format({ ...product, wis: { id: "1" } })).toEqual({ ok: false, reason: "wis id: expected a UUID" });
});

// As the standard's repository has them at 1.3.0; the link to an API has a query, so there is no file to fetch.
const example = (own: object, href: string) => ({
  id: "31e9d66a-cd83-4174-9429-b932f1abe1be",
  type: "Feature",
  geometry: { type: "Point", coordinates: [6.146255135536194, 46.223296618227444] },
  properties: {
    pubtime: "2022-03-20T04:50:18.314854383Z",
    datetime: "2022-03-20T04:45:00Z",
    data_id: "dataset/123/data-granule/UANT01_CWAO_200445___15103.bufr4",
  },
  links: [
    { href: "https://example.org/oapi/collections/my-dataset/items/my-data-granule", rel: "item" },
    { href, rel: "canonical", type: "application/bufr" },
  ],
  ...own,
});

test("other publishers' notifications are read, also those of the older version", () => {
  const href = "https://example.org/data/4Pubsub/92c557ef-d28e-4713-91af-2e2e7be6f8ab.bufr4";
  for (const own of [{ version: "v04" }, { conformsTo: ["x", "http://wis.wmo.int/spec/wnm/1/conf/core"] }]) {
    const json = example(own, href);
    expect(isValid(json)).toBe(true);
    const read = codecWis.parse({ body: Buffer.from(JSON.stringify(json)) });
    expect(read).toMatchObject({
      value: { baseUrl: "https://example.org/", pubTimeMs: Date.UTC(2022, 2, 20, 4, 50, 18, 314) },
    });
    expect(read.ok && announcementUrl(read.value)).toBe(href);
  }
  const api = example({ version: "v04" }, "https://example.org/collections/a?f=json");
  expect(codecWis.parse({ body: Buffer.from(JSON.stringify(api)) })).toMatchObject({
    reason: expect.stringMatching(/^wis links\.1\.href: .*without query/),
  });
});

// The standard's own examples have such values: an abbreviation, and hex.
test.each(["A2KNxvks...S8qfSCw==", sha512, "AAAA", ""])("a checksum that can't be right is read: %s", (value) => {
  const { properties, ...json } = jsonOf(product);
  const body = Buffer.from(
    JSON.stringify({ ...json, properties: { ...properties, integrity: { method: "sha512", value } } }),
  );
  const read = codecWis.parse({ body });
  if (!read.ok) throw new Error(read.reason);
  expect(read.value.sum).toBeUndefined();
  expect(checkIntegrity(read.value, Buffer.from("a product"))).toMatchObject({
    reason: expect.stringMatching(/^no content has the announced sha512/),
  });
});

const realFile = join(import.meta.dirname, "../../tests/rigs/wis2-notifications.jsonl");
const real = readFileSync(realFile, "utf8").trim().split("\n");

test("20 published notifications are valid and read, and their embedded content has its announced checksum", () => {
  const checked = real.map((line) => {
    expect(isValid(JSON.parse(line)), line).toBe(true);
    const read = codecWis.parse({ body: Buffer.from(line) });
    if (!read.ok) throw new Error(`${read.reason}: ${line}`);
    const { content } = read.value.wis ?? {};
    return content ? checkIntegrity(read.value, content) : undefined;
  });
  expect(checked).toHaveLength(20);
  expect(checked.filter((result) => result !== undefined)).toHaveLength(18);
  expect(checked.find((result) => result && !(result.ok && result.value === "checked"))).toBeUndefined();
});

const part = fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }).map((text) => text.replace(/[/\0]/g, "_"));
const relPath = fc
  .array(
    part.filter((text) => text !== "." && text !== ".." && text.isWellFormed()),
    { minLength: 1, maxLength: 4 },
  )
  .map((parts) => parts.join("/"));
const hex = (digits: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: digits, maxLength: digits });
const timeMs = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31, 23, 59, 59, 999) });
const shared = {
  baseUrl: fc.constantFrom("http://urp-1.cmc.ec.gc.ca/", "https://dd.weather.gc.ca:8443/", "sftp://px@host/"),
  relPath,
  pubTimeMs: timeMs,
  sizeBytes: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  sum: fc.record({ method: fc.constant("sha512" as const), value: hex(128) }),
};
const needed = { requiredKeys: ["baseUrl", "relPath", "pubTimeMs"] as ("baseUrl" | "relPath" | "pubTimeMs")[] };
const both = fc.record(shared, needed);
const position = fc.tuple(
  fc.double({ min: -180, max: 180, noNaN: true }),
  fc.double({ min: -90, max: 90, noNaN: true }),
);
const dataTimeMs = fc.integer({ min: Date.UTC(1850, 0), max: Date.UTC(2200, 0) });
const details = fc.record(
  {
    id: fc.uuid(),
    dataId: part,
    metadataId: part,
    relation: fc.constantFrom("canonical" as const, "update" as const),
    geometry: fc.option(
      fc.oneof(
        position.map((coordinates) => ({ type: "Point" as const, coordinates })),
        fc.array(position, { minLength: 4, maxLength: 6 }).map((ring) => ({
          type: "Polygon" as const,
          coordinates: [ring],
        })),
      ),
    ),
    dataTimeMs: fc.option(fc.oneof(dataTimeMs, fc.record({ fromMs: dataTimeMs, toMs: dataTimeMs }))),
    content: fc.uint8Array({ maxLength: 3069 }).map((bytes) => Buffer.from(bytes)),
  },
  { requiredKeys: ["id", "dataId", "relation", "geometry", "dataTimeMs"] },
);

test("property: 200 generated notifications are valid by the published schema, and read as they were written", () => {
  fc.assert(
    fc.property(fc.record({ ...shared, wis: details }), (announcement) => {
      const body = written(announcement);
      expect(isValid(JSON.parse(body.toString())), JSON.stringify(isValid.errors)).toBe(true);
      // JSON has no -0.
      const expected = { ...announcement, wis: { ...announcement.wis, geometry: plain(announcement.wis.geometry) } };
      expect(codecWis.parse({ body })).toEqual({ ok: true, value: expected });
    }),
    { numRuns: 200 },
  );
});
const plain = (value: unknown) => JSON.parse(JSON.stringify(value));

test("property: from v03 to wis and back, what both formats can express is kept", () => {
  fc.assert(
    fc.property(both, (announcement) => {
      const v03 = codecs.v03.format(announcement);
      const asWis = codecs.wis.parse({ body: written(announcement) });
      if (!(v03.ok && asWis.ok)) throw new Error("not written");
      const again = codecs.v03.format(asWis.value);
      expect(again).toEqual(v03);
    }),
  );
});

test("property: from wis to v03 and back, what both formats can express is kept", () => {
  fc.assert(
    fc.property(fc.record({ ...shared, wis: details }), ({ wis, ...announcement }) => {
      const v03 = codecs.v03.format({ ...announcement, wis });
      if (!v03.ok) throw new Error(v03.reason);
      const read = codecs.v03.parse(v03.value);
      expect(read).toEqual({ ok: true, value: announcement });
      expect(read.ok && codecs.wis.format({ ...read.value, wis })).toEqual(codecs.wis.format({ ...announcement, wis }));
    }),
  );
});
