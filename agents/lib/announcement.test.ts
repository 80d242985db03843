import fc from "fast-check";
import { expect, test } from "vitest";
import type { Announcement } from "./announcement.ts";
import { announcementUrl, nothingToFetch, productKey, productName } from "./announcement.ts";
import { codecs, type WireFormat } from "./codecs.ts";

const sourceName = "201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META";
const sourcePath = `db/20150120/RADAR/URP/IWA/${sourceName}::20150120180902`;
const sourceBody = `a985c32cbdee8af2ab5d7b8f6022e781 498081 http://urp-1.cmc.ec.gc.ca/ ${sourcePath}`;
const sourceAnnouncement: Announcement = {
  key: "a985c32cbdee8af2ab5d7b8f6022e781",
  sizeBytes: 498_081,
  baseUrl: "http://urp-1.cmc.ec.gc.ca/",
  relPath: sourcePath,
};

const parse = (format: WireFormat, body: string | Buffer, headers?: Record<string, unknown>) =>
  codecs[format].parse({ body: Buffer.from(body), ...(headers ? { headers } : {}) });

/** What a format writes, read back. */
function roundTrip(format: WireFormat, announcement: Announcement): unknown {
  const written = codecs[format].format(announcement);
  if (!written.ok) throw new Error(written.reason);
  return codecs[format].parse(written.value);
}

// Any characters that a file system accepts, weighted towards those that could break a line, a URL or an escape.
const trouble = fc.constantFrom(
  " ",
  "#",
  "%",
  "?",
  "%20",
  "\n",
  "\t",
  "é",
  "雨",
  "😀",
  ":",
  "~",
  ",",
  "+",
  "&",
  "[",
  "\u2028",
  "\ufeff",
);
const part = fc
  .array(fc.oneof(fc.string({ unit: "grapheme", maxLength: 6 }), trouble), { minLength: 1, maxLength: 6 })
  .map((pieces) => pieces.join("").replaceAll("/", "_").replaceAll("\0", "_"))
  .filter((text) => text !== "" && text !== "." && text !== ".." && text.isWellFormed());
const relPath = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("/"));
const baseUrl = fc.constantFrom("http://urp-1.cmc.ec.gc.ca/", "https://dd.weather.gc.ca/", "sftp://px@host:2222/a/b/");
const sizeBytes = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const pubTimeMs = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31, 23, 59, 59, 999) });
const hex = (digits: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: digits, maxLength: digits });
const sum = fc.oneof(
  fc.record({ method: fc.constant("md5" as const), value: hex(32) }),
  fc.record({ method: fc.constant("sha512" as const), value: hex(128) }),
);

test("the source's announcement is written byte for byte and read back", () => {
  const written = codecs.v00.format(sourceAnnouncement);
  expect(written.ok && written.value.body.toString()).toBe(sourceBody);
  expect(written.ok && written.value.headers).toEqual({ filename: `${sourceName}::20150120180902` });
  expect(parse("v00", sourceBody)).toEqual({ ok: true, value: sourceAnnouncement });
});

test("the key of the source's announcement is the md5 of the product name without the reception stamp", () => {
  expect(productName(`${sourceName}::20150120180902`)).toBe(sourceName);
  expect(productKey(`${sourceName}::20150120180902`)).toBe("a985c32cbdee8af2ab5d7b8f6022e781");
  expect(productKey(`${sourceName}::20150120180955`)).toBe("a985c32cbdee8af2ab5d7b8f6022e781");
});

test("the URL of the source's exp message is read and written", () => {
  const url = "http://dd1.weather.gc.ca/radar/24_HR_ACCUM/GIF/XSS/201306061440_XSS_24_HR_ACCUM_MM.gif";
  const read = parse("exp", url);
  expect(url).toHaveLength(86);
  expect(read.ok && announcementUrl(read.value)).toBe(url);
});

test("the columns of the source's listing, aligned by runs of spaces, are read", () => {
  expect(parse("v00", sourceBody.replaceAll(" ", "     "))).toEqual({ ok: true, value: sourceAnnouncement });
});

test("a documented v02 message is read", () => {
  const read = parse("v02", "20150813161959.854 http://dd.weather.gc.ca/ citypage/a%20b%23c.xml", {
    sum: "d,a985c32cbdee8af2ab5d7b8f6022e781",
    parts: "1,256,1,0,0",
  });
  expect(read).toEqual({
    ok: true,
    value: {
      baseUrl: "http://dd.weather.gc.ca/",
      relPath: "citypage/a b#c.xml",
      pubTimeMs: Date.UTC(2015, 7, 13, 16, 19, 59, 854),
      sizeBytes: 256,
      sum: { method: "md5", value: "a985c32cbdee8af2ab5d7b8f6022e781" },
    },
  });
});

// As sr3 3.3.1 posts them.
test.each([
  ["a removed file", "R", { remove: "" }],
  ["a link", "L", { link: "a.gif" }],
  ["a new folder", "m", { directory: "" }],
  ["a removed folder", "r", { remove: "", directory: "" }],
])("%s is nothing to fetch, in v02 as in v03", (_, letter, fileOp) => {
  const nothing = { ok: false, reason: nothingToFetch };
  const stamp = "20150813161959.854";
  const base = "http://dd.weather.gc.ca/";
  expect(parse("v02", `${stamp} ${base} radar/b`, { sum: `${letter},${"0a".repeat(64)}` })).toEqual(nothing);
  expect(parse("v03", JSON.stringify({ pubTime: stamp, baseUrl: base, relPath: "radar/b", fileOp }))).toEqual(nothing);
});

const dd = "http://dd.weather.gc.ca/";
const v02Of = (relPath: string, base = dd) => codecs.v02.format({ baseUrl: base, relPath, pubTimeMs: 0 });

test("v02 says a name with escapes in sr3's headers too, and a plain name in the body alone", () => {
  const url = "radar/a%20b%231%25.gif";
  expect(v02Of("radar/a b#1%.gif")).toMatchObject({
    value: {
      body: Buffer.from(`19700101000000.000 ${dd} ${url}`),
      headers: { rename: "radar/a b#1%.gif", retrievePath: url },
    },
  });
  expect(v02Of("radar/é:~,?.gif")).toMatchObject({ value: { headers: {} } });
  // sr3 would request the escaped name of these servers, and such headers would not fit a frame.
  expect(v02Of("radar/a b", "sftp://dd/")).toMatchObject({ value: { headers: {} } });
  expect(v02Of(`radar/ ${"é".repeat(900)}`)).toMatchObject({ value: { headers: {} } });
});

test.each([
  ["100%", "100%"],
  ["caf%C3%A9", "caf%C3%A9"],
  ["%2e%2e", "%2e%2e"],
  ["a%2fb", "a%2fb"],
  ["a%20b%23c%25", "a b#c%"],
])("v02 peers escape few characters: %s is the name %s", (text, name) => {
  expect(parse("v02", `19700101000000 ${dd} radar/${text}`)).toMatchObject({ value: { relPath: `radar/${name}` } });
});

test("a base URL without its slash is read, as sr3 writes it where its config has none", () => {
  const address = { baseUrl: dd, relPath: "radar/b" };
  expect(parse("v02", "19700101000000 http://dd.weather.gc.ca /radar/b")).toMatchObject({ value: address });
  const body = { pubTime: "19700101T000000", baseUrl: dd.slice(0, -1), relPath: "/radar/b" };
  expect(parse("v03", JSON.stringify(body))).toMatchObject({ value: address });
});

test.each(["a,any text", "z,d", "0,1234"])("v02 sum %s can't be checked, and is no reason to refuse it", (sum) => {
  expect(parse("v02", `19700101000000 ${dd} radar/b`, { sum })).toEqual({
    ok: true,
    value: { baseUrl: dd, relPath: "radar/b", pubTimeMs: 0 },
  });
});

test("v03 is read as sr3 makes it from our v02, and refused where the product has another path", () => {
  const forwarded = { pubTime: "19700101T000000", baseUrl: dd, relPath: "a%20b", rename: "a b", retrievePath: "a%20b" };
  expect(parse("v03", JSON.stringify(forwarded))).toMatchObject({ value: { relPath: "a b" } });
  expect(parse("v03", JSON.stringify({ ...forwarded, rename: "c" }))).toMatchObject({
    reason: expect.stringMatching(/^v03 retrievePath/),
  });
  expect(parse("v03", JSON.stringify({ ...forwarded, blocks: { number: 0 } }))).toMatchObject({
    reason: expect.stringMatching(/^v03 blocks/),
  });
});

test("a v03 message with unknown keys is read", () => {
  const body = {
    pubTime: "20150813T161959.85",
    baseUrl: "http://dd.weather.gc.ca/",
    relPath: "/a/b.xml",
    size: 3,
    identity: { method: "md5", value: "qYXDLL3uivKrXXuPYCLngQ==" },
    mtime: "20150813T161958",
  };
  expect(parse("v03", JSON.stringify(body))).toMatchObject({
    ok: true,
    value: { relPath: "a/b.xml", sizeBytes: 3, sum: { method: "md5", value: "a985c32cbdee8af2ab5d7b8f6022e781" } },
  });
});

test.each([
  ["three fields", "a985c32cbdee8af2ab5d7b8f6022e781 1 http://urp-1/", /four fields/],
  ["a name with a raw space", `${sourceBody} tail`, /four fields/],
  ["a key that is not an md5", sourceBody.replace("a985", "zzzz"), /32 hex digits/],
  ["a negative size", sourceBody.replace("498081", "-1"), /size in bytes/],
  ["a size too large to count", sourceBody.replace("498081", "9999999999999999"), /size in bytes/],
  ["a base without its slash", sourceBody.replace(".ca/ ", ".ca "), /does not end in/],
  ["a base that is a script", sourceBody.replace("http://urp-1.cmc.ec.gc.ca/", "javascript:alert(1)/"), /protocol/],
  ["a path that climbs out", sourceBody.replace("db/20150120", "db/../../etc"), /"\.\." part/],
  ["an escaped path that climbs out", sourceBody.replace("db/20150120", "db/%2e%2e"), /"\.\." part/],
  ["a path with an escaped slash", sourceBody.replace("db/20150120", "db%2F20150120"), /escaped "\/"/],
  ["an absolute path", sourceBody.replace(" db/", " /db/"), /empty part/],
  ["a path with a NUL", sourceBody.replace("RADAR", "%00"), /NUL/],
  ["a % that begins no escape", sourceBody.replace("RADAR", "100%"), /not a UTF-8 escape/],
  ["bytes that are not UTF-8", Buffer.from([0xff, 0xfe]), /not UTF-8/],
  ["more than any announcement has", "x".repeat(9000), /at most 8192/],
])("v00 refuses %s with a reason", (_, body, reason) => {
  const read = parse("v00", body);
  expect(read).toEqual({ ok: false, reason: expect.stringMatching(reason) });
});

test("a file name too long for a header is refused when written", () => {
  const written = codecs.v00.format({ ...sourceAnnouncement, relPath: `db/${"é".repeat(128)}` });
  expect(written).toEqual({ ok: false, reason: "header filename has 256 bytes, but at most 255 fit" });
});

test("property: v00 reads what it wrote, whatever the name", () => {
  fc.assert(
    fc.property(fc.record({ key: hex(32), sizeBytes, baseUrl, relPath }), (announcement) => {
      fc.pre(codecs.v00.format(announcement).ok);
      expect(roundTrip("v00", announcement)).toEqual({ ok: true, value: announcement });
    }),
  );
});

test("property: v02 reads what it wrote, whatever the name", () => {
  fc.assert(
    fc.property(
      fc.record({ pubTimeMs, baseUrl, relPath, sizeBytes, sum }, { requiredKeys: ["pubTimeMs", "baseUrl", "relPath"] }),
      (announcement) => {
        expect(roundTrip("v02", announcement)).toEqual({ ok: true, value: announcement });
      },
    ),
  );
});

test("property: v03 reads what it wrote, whatever the name", () => {
  fc.assert(
    fc.property(
      fc.record({ pubTimeMs, baseUrl, relPath, sizeBytes, sum }, { requiredKeys: ["pubTimeMs", "baseUrl", "relPath"] }),
      (announcement) => {
        expect(roundTrip("v03", announcement)).toEqual({ ok: true, value: announcement });
      },
    ),
  );
});

test.each(["HTTP://urp-1/", "file:///etc/", "http://urp-1/%zz/", "http://urp-1/%2f/"])(
  "exp does not write what it would not read: base URL %s",
  (odd) => {
    expect(codecs.exp.format({ baseUrl: odd, relPath: "x" }).ok).toBe(false);
  },
);

test("property: exp reads what it wrote, whatever the name", () => {
  const origin = fc.constantFrom("http://dd1.weather.gc.ca/", "https://dd.weather.gc.ca:8443/");
  fc.assert(
    fc.property(fc.record({ baseUrl: origin, relPath }), (announcement) => {
      expect(roundTrip("exp", announcement)).toEqual({ ok: true, value: announcement });
    }),
  );
});

test("property: the URL of a product leads to its path, for any name", () => {
  fc.assert(
    fc.property(relPath, (path) => {
      const url = new URL(announcementUrl({ baseUrl: "http://urp-1/", relPath: path }));
      expect([url.search, url.hash]).toEqual(["", ""]);
      expect(decodeURIComponent(url.pathname)).toBe(`/${path}`);
    }),
  );
});

test("property: no codec throws on garbage", () => {
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
  );
  const headers = fc.dictionary(fc.constantFrom("sum", "parts", "filename"), fc.anything());
  fc.assert(
    fc.property(body, headers, (bytes, received) => {
      for (const codec of Object.values(codecs))
        expect(typeof codec.parse({ body: bytes, headers: received }).ok).toBe("boolean");
    }),
  );
});
