import { expect, test } from "vitest";
import { codecs } from "../lib/codecs.ts";
import { configSchema } from "./config.ts";
import { composeMessages, formatOf } from "./messages.ts";

const settings = {
  broker: { hosts: ["b"], user: "u", passwordFile: "p" },
  metrics: { port: 1 },
  rootDirectory: "/apps/dd/public",
  baseUrl: "http://dd1.weather.gc.ca/",
  formats: ["v02", "exp", "v00", "v03"],
};
const config = configSchema.parse(settings);
/** `md5sum` of "<siteData/>\n". */
const page = { path: "citypage_weather/xml/BC/s0000001_e.xml", sizeBytes: 12, md5: "b47c4bb428245aada8f665c3c2cb776a" };
const radar = { ...page, path: "radar/24_HR_ACCUM/GIF/XSS/201306061440_XSS_24_HR_ACCUM_MM.gif", sizeBytes: 498081 };
const pubTimeMs = Date.UTC(2013, 5, 6, 14, 47, 11, 368);

function composed(file: typeof page, more: object = {}) {
  const { messages, reasons } = composeMessages(file, pubTimeMs, configSchema.parse({ ...settings, ...more }));
  return {
    messages: messages.map(({ routingKey, message: { body, headers, contentType } }) => {
      return { routingKey, body: body.toString(), headers, contentType };
    }),
    reasons,
  };
}

test("each format of a change, byte for byte", () => {
  expect(composed(page)).toEqual({
    messages: [
      {
        routingKey: "v02.post.citypage_weather.xml.BC",
        body: "20130606144711.368 http://dd1.weather.gc.ca/ citypage_weather/xml/BC/s0000001_e.xml",
        headers: { sum: "d,b47c4bb428245aada8f665c3c2cb776a", parts: "1,12,1,0,0" },
        contentType: "text/plain",
      },
      {
        routingKey: "exp.dd.notify.citypage_weather.xml.BC",
        body: "http://dd1.weather.gc.ca/citypage_weather/xml/BC/s0000001_e.xml",
        headers: {},
        contentType: "text/plain",
      },
      {
        routingKey: "v00.dd.notify.citypage_weather.xml.BC",
        body: "b47c4bb428245aada8f665c3c2cb776a 12 http://dd1.weather.gc.ca/ citypage_weather/xml/BC/s0000001_e.xml",
        headers: { filename: "s0000001_e.xml" },
        contentType: "text/plain",
      },
      {
        routingKey: "v03.citypage_weather.xml.BC",
        body:
          '{"pubTime":"20130606T144711.368","baseUrl":"http://dd1.weather.gc.ca/",' +
          '"relPath":"citypage_weather/xml/BC/s0000001_e.xml","size":12,' +
          '"identity":{"method":"md5","value":"tHxLtCgkWq2o9mXDwst3ag=="}}',
        headers: {},
        contentType: "application/json",
      },
    ],
    reasons: [],
  });
});

test("the original system's example: its topic and its URL of 86 bytes", () => {
  const [exp] = composed(radar, { formats: ["exp"] }).messages;
  expect(exp?.routingKey).toBe("exp.dd.notify.radar.24_HR_ACCUM.GIF.XSS");
  expect(exp?.body).toBe("http://dd1.weather.gc.ca/radar/24_HR_ACCUM/GIF/XSS/201306061440_XSS_24_HR_ACCUM_MM.gif");
  expect(exp?.body).toHaveLength(86);
});

test("with topicFileName the routing key ends with the file's name, whose dots separate words", () => {
  const keys = composed(page, { topicFileName: true, formats: ["v02", "exp"] }).messages.map(
    ({ routingKey }) => routingKey,
  );
  expect(keys).toEqual([
    "v02.post.citypage_weather.xml.BC.s0000001_e.xml",
    "exp.dd.notify.citypage_weather.xml.BC.s0000001_e.xml",
  ]);
});

test("a name with a line break is escaped, and every format restores it", () => {
  const path = "marine_weather/a b#c%\n\té?/s.xml";
  const { messages } = composeMessages({ ...page, path }, pubTimeMs, config);
  expect(messages).toHaveLength(4);
  for (const { format, message } of messages) {
    expect(message.body.toString()).not.toContain("\n");
    expect(codecs[format].parse(message)).toMatchObject({ ok: true, value: { relPath: path } });
  }
});

test("a format that can't express a file is reported by name, and the other formats are published", () => {
  const path = `citypage_weather/${"x".repeat(230)}/s.xml`;
  const { messages, reasons } = composed({ ...page, path }, { formats: ["v03", "v02", "exp"] });
  expect(messages.map(({ routingKey }) => routingKey.slice(0, 4))).toEqual(["v03."]);
  expect(reasons.map((reason) => reason.replace(/of ".*" /, "of … "))).toEqual([
    "v02: topic of … has 256 bytes, but at most 254 fit: shorten the directories",
    "exp: topic of … has 261 bytes, but at most 254 fit: shorten the directories",
  ]);
  const named = composed(
    { ...page, path: `citypage_weather/${"y".repeat(240)}` },
    { topicFileName: true, formats: ["v03"] },
  );
  expect(named.reasons[0]).toMatch(/^v03: topic of .* has 261 bytes with the file's name, at most 254 fit$/);
});

test("the longest prefix that matches its routing key decides a message's format", () => {
  expect(formatOf("v02.post.citypage_weather", config)).toBe("v02");
  expect(formatOf("v03", config)).toBe("v03");
  expect(formatOf("v030.x", config)).toBe("unknown");
  const { topicPrefixes } = configSchema.parse({ ...settings, topicPrefixes: { v02: "x", v03: "x.y" } });
  expect(formatOf("x.y.z", { formats: ["v02", "v03"], topicPrefixes })).toBe("v03");
});

const wis = {
  centre: "ca-eccc-msc",
  topics: [{ folder: "citypage_weather", topic: "weather/experimental/city-pages" }],
};
const notificationKey = "origin.a.wis2.ca-eccc-msc.data.core.weather.experimental.city-pages";

test("with rules of WIS2 a change is also published as a notification, with its sha512 and, if small, its content", () => {
  const sha512 = "ab".repeat(64);
  const content = Buffer.from("<siteData/>\n");
  const { messages, reasons } = composed({ ...page, sha512, content } as typeof page, { formats: ["exp"], wis });
  expect(reasons).toEqual([]);
  expect(messages.map(({ routingKey }) => routingKey)).toEqual([
    "exp.dd.notify.citypage_weather.xml.BC",
    notificationKey,
  ]);
  expect(JSON.parse(messages[1]?.body ?? "")).toMatchObject({
    properties: {
      pubtime: "2013-06-06T14:47:11.368Z",
      integrity: { method: "sha512", value: Buffer.from(sha512, "hex").toString("base64") },
      content: { encoding: "base64", size: 12, value: content.toString("base64") },
    },
    links: [{ href: `http://dd1.weather.gc.ca/${page.path}`, rel: "canonical", length: 12 }],
  });
  expect(formatOf(notificationKey, configSchema.parse({ ...settings, wis }))).toBe("wis");
});

test("a change in a folder without a WIS2 topic is published in the other formats", () => {
  const { messages, reasons } = composed(radar, { formats: ["exp"], wis });
  expect(messages).toHaveLength(1);
  expect(reasons).toEqual([`wis: no WIS2 topic for the folder of ${radar.path}`]);
});
