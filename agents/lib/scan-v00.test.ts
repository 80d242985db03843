import fc from "fast-check";
import { expect, test } from "vitest";
import { codecs } from "./codecs.ts";
import { scanV00 } from "./scan-v00.ts";

const key = "a985c32cbdee8af2ab5d7b8f6022e781";
const name = "201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902";
const usual = `${key} 498081 http://urp-1/ db/20150120/RADAR/URP/IWA/${name}`;

test("an announcement as the radar servers write it is read without the codec", () => {
  expect(scanV00(Buffer.from(usual))).toEqual({ key, source: "urp-1", sizeBytes: 498081 });
  const withPort = usual.replace("http://urp-1/", "http://urp-2:8080/data/");
  expect(scanV00(Buffer.from(withPort))?.source).toBe("urp-2:8080");
});

test.each([
  ["a key in capitals", usual.toUpperCase()],
  ["runs of spaces", usual.replace(" 498081 ", "  498081 ")],
  ["a newline at the end", `${usual}\n`],
  ["an escape in the path", usual.replace("~~", "%7E~")],
  ["letters outside ASCII", usual.replace("RADAR", "RÄDAR")],
  ["a path that climbs", usual.replace("/RADAR/", "/../")],
  ["a fifth field", `${usual} more`],
  ["no path", usual.slice(0, usual.lastIndexOf(" ") + 1)],
  ["a base URL without its slash", usual.replace("urp-1/", "urp-1")],
  ["nothing", ""],
])("%s is left to the codec", (_, text) => {
  expect(scanV00(Buffer.from(text))).toBeUndefined();
});

const hex = fc.string({ unit: fc.constantFrom(..."0123456789abcdefABCDEF"), minLength: 31, maxLength: 33 });
const digits = fc.oneof(fc.nat().map(String), fc.string({ unit: fc.constantFrom(..."0123456789x"), maxLength: 18 }));
const host = fc.stringMatching(/^[a-zA-Z0-9.:@-]{0,12}$/);
const base = fc.oneof(
  fc.constantFrom(
    "http://urp-1/",
    "http://URP-2:80/",
    "https://[::1]:8443/a/",
    "ftp://u:p@h/",
    "gopher://h/",
    "http:/h/",
  ),
  host.map((text) => `http://${text}/`),
  fc.string({ maxLength: 20 }),
);
const part = fc.oneof(
  fc.constantFrom(".", "..", "", "a%2Fb", "a b", "é", "\u007f", "\0"),
  fc.stringMatching(/^[!-~]{1,8}$/),
);
const path = fc.array(part, { maxLength: 5 }).map((parts) => parts.join("/"));
const gap = fc.oneof({ weight: 9, arbitrary: fc.constant(" ") }, fc.constantFrom("  ", "\t", ""));
const line = fc
  .tuple(hex, gap, digits, gap, base, gap, path, fc.constantFrom("", "", "", "\n", " ", "\r\n"))
  .map((fields) => Buffer.from(fields.join("")));
/** The usual one with some bytes changed: near misses. */
const mutated = fc.array(fc.tuple(fc.nat(usual.length - 1), fc.nat(255)), { maxLength: 3 }).map((changes) => {
  const body = Buffer.from(usual);
  for (const [at, byte] of changes) body[at] = byte;
  return body;
});

test("property: whenever the scan has a result, the codec has the same", () => {
  let answered = 0;
  fc.assert(
    fc.property(fc.oneof(line, mutated), (body) => {
      const scanned = scanV00(body);
      if (!scanned) return;
      answered++;
      const parsed = codecs.v00.parse({ body });
      if (!parsed.ok) throw new Error(`the codec refuses it: ${parsed.reason}`);
      expect(scanned).toEqual({
        key: parsed.value.key,
        source: new URL(parsed.value.baseUrl).host,
        sizeBytes: parsed.value.sizeBytes,
      });
    }),
    { numRuns: 5000 },
  );
  expect(answered, "the property met too few that the scan reads").toBeGreaterThan(200);
});

test("property: the scan reads what the codec writes of names without escapes, however many sources there are", () => {
  const hosts = fc.stringMatching(/^[a-z][a-z0-9]{0,8}(:[1-9][0-9]{3})?$/);
  const names = fc.array(fc.stringMatching(/^[A-Za-z0-9~:,_-]{1,20}$/), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(hosts, names, fc.maxSafeNat(), (source, parts, sizeBytes) => {
      const baseUrl = `http://${source}/`;
      const message = codecs.v00.format({ key, baseUrl, relPath: parts.join("/"), sizeBytes });
      if (!message.ok) throw new Error(message.reason);
      const expected = sizeBytes < 1e15 ? { key, source, sizeBytes } : undefined;
      expect(scanV00(message.value.body)).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});
