import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { bad, good } from "../lib/result.ts";
import { amqpConfig } from "./config.ts";
import { composeMessages, type ProductFacts } from "./messages.ts";
import { deliveredLine } from "./telemetry.ts";

const name = "radar.24_HR_ACCUM.GIF.XSS++201306061440_XSS_24_HR_ACCUM_MM.gif:URP:XSS:RADAR:GIF::20130606144709";
const url = "http://dd1.weather.gc.ca/radar/24_HR_ACCUM/GIF/XSS/201306061440_XSS_24_HR_ACCUM_MM.gif";
const nowMs = Date.UTC(2013, 5, 6, 14, 47, 9, 368);
const facts = { sizeBytes: 4321, md5: "a985c32cbdee8af2ab5d7b8f6022e781" };

function settings(own: object = {}) {
  const common = { broker: { hosts: ["b"], user: "u", passwordFile: "p" }, metrics: { port: 0 } };
  const rules = [{ reject: "^ensemble.naefs.grib2.raw.*" }, { accept: "^(.*)\\+\\+.*" }];
  const key = "exp.dd.notify.$" + "{0}";
  return amqpConfig.parse({ ...common, queueDirectory: "/txq", rules, exchange: "cmc", exchangeKey: key, ...own });
}

function compose(own: object = {}, body = url, given: Awaited<ReturnType<ProductFacts>> = good(facts)) {
  const file = { path: name, name, priority: 3, time: "", sizeBytes: body.length, modifiedMs: 0, identity: "i" };
  const outgoing = { file, pattern: "", captures: ["radar.24_HR_ACCUM.GIF.XSS"], again: false };
  return composeMessages(outgoing, Buffer.from(body), settings(own), { productFacts: async () => given, nowMs });
}

/** All messages, with bodies as text. */
async function composed(own: object = {}, body?: string) {
  const result = await compose(own, body);
  if (!result.ok) throw new Error(result.reason);
  return result.value.messages.map(({ body, ...message }) => ({ ...message, body: body.toString() }));
}

test("the original system's example, byte for byte: key, URL of 86 bytes, name in the header", async () => {
  expect(Buffer.byteLength(url)).toBe(86);
  expect(await composed()).toEqual([
    {
      format: "file",
      exchange: "cmc",
      routingKey: "exp.dd.notify.radar.24_HR_ACCUM.GIF.XSS",
      body: url,
      headers: { filename: name.slice(0, -":20130606144709".length) },
      contentType: "text/plain",
    },
  ]);
});

test("the agent's example is the original system's dd-notify", async () => {
  const text = readFileSync(new URL("./example.json", import.meta.url), "utf8");
  expect(text).toContain(`"exchangeKey": "exp.dd.notify.$` + `{0}"`);
  expect(text).toContain('{ "accept": "^(.*)\\\\+\\\\+.*" }');
});

test("alsoFormats adds v00, v02 and v03, each with its own topic and its facts of the product", async () => {
  const alsoFormats = [
    { format: "v00", topicPrefix: "v00.dd.notify" },
    { format: "v02", topicPrefix: "v02.post", exchange: "xpublic" },
    { format: "v03", topicPrefix: "v03", exchange: "xpublic" },
  ];
  const [, v00, v02, v03] = await composed({ alsoFormats, productRootDirectory: "/dd" });
  const tail = "radar.24_HR_ACCUM.GIF.XSS";
  const path = "radar/24_HR_ACCUM/GIF/XSS/201306061440_XSS_24_HR_ACCUM_MM.gif";
  expect(v00).toEqual({
    ...{ format: "v00", exchange: "cmc", routingKey: `v00.dd.notify.${tail}`, contentType: "text/plain" },
    body: `a985c32cbdee8af2ab5d7b8f6022e781 4321 http://dd1.weather.gc.ca/ ${path}`,
    headers: { filename: "201306061440_XSS_24_HR_ACCUM_MM.gif" },
  });
  expect(v02).toEqual({
    ...{ format: "v02", exchange: "xpublic", routingKey: `v02.post.${tail}`, contentType: "text/plain" },
    body: `20130606144709.368 http://dd1.weather.gc.ca/ ${path}`,
    headers: { sum: "d,a985c32cbdee8af2ab5d7b8f6022e781", parts: "1,4321,1,0,0" },
  });
  expect(v03).toMatchObject({ exchange: "xpublic", routingKey: `v03.${tail}`, contentType: "application/json" });
  expect(JSON.parse(v03?.body ?? "")).toEqual({
    pubTime: "20130606T144709.368",
    baseUrl: "http://dd1.weather.gc.ca/",
    relPath: path,
    size: 4321,
    identity: { method: "md5", value: Buffer.from(facts.md5, "hex").toString("base64") },
  });
});

test("for an unreadable product v00 is left out with the reason, and the other formats lack its facts", async () => {
  const alsoFormats = [
    { format: "v00", topicPrefix: "v00.dd.notify" },
    { format: "v02", topicPrefix: "v02.post" },
  ];
  const own = { alsoFormats, productRootDirectory: "/dd" };
  const result = await compose(own, url, bad("no such product here"));
  if (!result.ok) throw new Error(result.reason);
  expect(result.value.messages.map(({ format, headers }) => [format, headers.sum])).toEqual([
    ["file", undefined],
    ["v02", undefined],
  ]);
  expect(result.value.leftOut).toEqual([{ format: "v00", reason: expect.stringContaining("no such product here") }]);
});

test("content other than a URL can't be announced; without other formats it is an ordinary message", async () => {
  const alsoFormats = [{ format: "v02", topicPrefix: "v02.post" }];
  expect(await compose({ alsoFormats }, "bulletin")).toEqual({
    ok: false,
    reason: expect.stringContaining("not a URL"),
  });
  expect((await composed({}, "bulletin"))[0]?.body).toBe("bulletin");
});

test("all messages of a possible repeat are marked", async () => {
  const file = { path: name, name, priority: 3, time: "", sizeBytes: 86, modifiedMs: 0, identity: "i" };
  const result = await composeMessages(
    { file, pattern: "", captures: ["a"], again: true },
    Buffer.from(url),
    settings({ alsoFormats: [{ format: "v02", topicPrefix: "v02.post" }], wholeNameInHeader: true }),
    { productFacts: async () => bad("none"), nowMs },
  );
  if (!result.ok) throw new Error(result.reason);
  expect(result.value.messages.map(({ headers }) => headers["x-warren-again"])).toEqual(["1", "1"]);
  expect(result.value.messages[0]?.headers.filename).toBe(name);
});

test("the config rejects v00 without a folder of products, and a capture that a pattern lacks", () => {
  expect(() => settings({ alsoFormats: [{ format: "v00", topicPrefix: "v00.dd" }] })).toThrow("productRootDirectory");
  expect(() => settings({ rules: [{ accept: ".*" }], exchangeKey: "a.$" + "{1}" })).toThrow("capture 2");
});

test("the log line is the original system's, byte for byte", () => {
  const durationMs = (86 * 1000) / 168950.887119;
  expect(deliveredLine(name, 86, 1368.449, durationMs)).toBe(
    `(86 Bytes) Message ${name}  delivered (lat=1.368449,speed=168950.887119)`,
  );
});
