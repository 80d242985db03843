import { expect, test } from "vitest";
import type { ReceivedMessage } from "../lib/announcement.ts";
import { type Config, configSchema } from "./config.ts";
import { readAnnouncement, translate as translateAnnouncement } from "./translate.ts";

const nowMs = Date.UTC(2013, 5, 6, 14, 47, 9);
const base = "http://dd1.weather.gc.ca/";
const path = "radar/24_HR_ACCUM/GIF/XSS/201306061440_XSS_24_HR_ACCUM_MM.gif";
const folders = "radar.24_HR_ACCUM.GIF.XSS";
const md5 = "a985c32cbdee8af2ab5d7b8f6022e781";
const base64 = Buffer.from(md5, "hex").toString("base64");
const v03 = {
  pubTime: "20130606T144700.000",
  baseUrl: base,
  relPath: path,
  size: 9,
  identity: { method: "md5", value: base64 },
};
const prefixes = { v00: "v00.dd.notify", v02: "v02.post", v03: "v03", exp: "exp.dd.notify" };
type Format = keyof typeof prefixes;

function translate(message: ReceivedMessage & { readonly routingKey: string }, config: Config, nowMs: number) {
  const read = readAnnouncement(message, config, nowMs);
  return read.ok ? translateAnnouncement(read.value, message.routingKey, config) : read;
}

interface Told {
  readonly body: string;
  readonly headers?: Record<string, string>;
}

function bridged(
  format: Format,
  { body, headers = {} }: Told,
  to: Format,
  settings: { from?: object; to?: object } = {},
) {
  const place = (format: Format, own: object = {}) => ({
    format,
    exchange: "cmc",
    topicPrefix: prefixes[format],
    ...own,
  });
  const config = configSchema.parse({
    ...{ broker: { hosts: ["b"], user: "u", passwordFile: "p" }, metrics: { port: 1 }, queue: "q" },
    ...{ from: { ...place(format, settings.from), exchange: "xpublic" }, to: [place(to, settings.to)] },
  });
  const routingKey = `${prefixes[format]}.${folders}`;
  const translated = translate({ routingKey, body: Buffer.from(body), headers }, config, nowMs);
  if (!translated.ok) return translated.reason;
  return translated.value.map((message) => ({ ...message, body: message.body.toString() }));
}

const content = { keyOf: "content" };
const messages: Record<Format, Told> = {
  v00: { body: `${md5} 9 ${base} ${path}`, headers: { filename: path.slice(path.lastIndexOf("/") + 1) } },
  v02: { body: `20130606144700.000 ${base} ${path}`, headers: { sum: `d,${md5}`, parts: "1,9,1,0,0" } },
  v03: { body: JSON.stringify(v03) },
  exp: { body: `${base}${path}` },
};

test.each([
  ["v03", "exp"],
  ["v03", "v02"],
  ["v03", "v00"],
  ["v02", "exp"],
  ["v02", "v03"],
  ["v02", "v00"],
  ["v00", "exp"],
] as const)("the original system's product, from %s to %s, byte for byte", (from, to) => {
  const ofContent = { ...(from === "v00" && { from: content }), ...(to === "v00" && { to: content }) };
  expect(bridged(from, messages[from], to, ofContent)).toEqual([
    {
      ...{ exchange: "cmc", routingKey: `${prefixes[to]}.${folders}` },
      ...{ body: messages[to].body, headers: messages[to].headers ?? {} },
      contentType: to === "v03" ? "application/json" : "text/plain",
    },
  ]);
});

test("missing facts are not made up: a URL alone has no size and no sum, and gets the bridge's time", () => {
  expect(bridged("exp", messages.exp, "v02")).toMatchObject([
    { body: `20130606144709.000 ${base} ${path}`, headers: {} },
  ]);
  const [post] = bridged("exp", messages.exp, "v03") as { body: string }[];
  expect(JSON.parse(post?.body ?? "")).toEqual({ pubTime: "20130606T144709.000", baseUrl: base, relPath: path });
  expect(bridged("exp", messages.exp, "v00")).toMatch(/can't be announced as v00: v00 needs a size/);
});

test("v00's md5 of a product's name is not a sum of its content", () => {
  expect(bridged("v00", messages.v00, "v02")).toMatchObject([{ headers: { sum: `n,${md5}` } }]);
  expect(JSON.parse((bridged("v00", messages.v00, "v03") as { body: string }[])[0]?.body ?? "")).not.toHaveProperty(
    "identity",
  );
  expect(bridged("v02", { ...messages.v02, headers: { parts: "1,9,1,0,0" } }, "v00", { to: content })).toMatch(
    /needs a key/,
  );
});

test("the key for the dispatcher is that of the product's name, whatever the sum", () => {
  const name = "201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902";
  const body = JSON.stringify({ ...v03, relPath: `db/20150120/RADAR/URP/IWA/${name}` });
  expect(bridged("v03", { body }, "v00")).toMatchObject([
    { body: `${md5} 9 ${base} db/20150120/RADAR/URP/IWA/${name}` },
  ]);
});

test.each([
  ["v03", "garbage", /not JSON/],
  ["v03", JSON.stringify({ ...v03, fileOp: { remove: "" } }), /nothing to fetch/],
  ["v03", JSON.stringify({ ...v03, fileOp: { directory: "" } }), /nothing to fetch/],
  ["v03", JSON.stringify({ ...v03, retrievePath: "other/place" }), /retrievePath/],
  ["v03", JSON.stringify({ ...v03, relPath: "../../etc/passwd" }), /\.\./],
  ["v02", "one two", /three fields/],
  ["exp", "no url", /URL/],
] as const)("%s %s is not an announcement", (format, body, reason) => {
  expect(bridged(format, { body }, format === "exp" ? "v02" : "exp")).toMatch(reason);
});

test("a renamed file is announced under its new name", () => {
  const body = JSON.stringify({ ...v03, fileOp: { rename: "radar/.tmp" } });
  expect(bridged("v03", { body }, "exp")).toMatchObject([{ body: `${base}${path}` }]);
});

const topic = "weather/surface-based-observations/weather-radar";
const settings = {
  ...{ broker: { hosts: ["b"], user: "u", passwordFile: "p" }, metrics: { port: 1 }, queue: "q" },
  from: { format: "v03", exchange: "xpublic", topicPrefix: "v03" },
};
const wis = {
  ...{ format: "wis", exchange: "xpublic", centre: "ca-eccc-msc", topics: [{ folder: "radar", topic }] },
  sites: { XSS: { longitude: -119.5, latitude: 49.9, heightMetres: 900 } },
};
const v03Of = (own: object) => Buffer.from(JSON.stringify({ ...v03, ...own }));

test("to WIS2: topic, data id, place and time come from the rules, and back to v03 under the same levels", () => {
  const config = configSchema.parse({ ...settings, to: [wis] });
  const sha512 = Buffer.alloc(64, 1).toString("base64");
  const identity = { method: "sha512", value: sha512 };
  const translated = translate({ routingKey: `v03.${folders}`, body: v03Of({ identity }) }, config, nowMs);
  if (!translated.ok) throw new Error(translated.reason);
  const [message] = translated.value;
  if (!message) throw new Error("no message");
  const levels = "ca-eccc-msc.data.core.weather.surface-based-observations.weather-radar";
  expect(message).toMatchObject({ exchange: "xpublic", routingKey: `origin.a.wis2.${levels}` });
  expect(JSON.parse(message.body.toString())).toMatchObject({
    geometry: { type: "Point", coordinates: [-119.5, 49.9, 900] },
    properties: {
      pubtime: "2013-06-06T14:47:00.000Z",
      datetime: "2013-06-06T14:40:00.000Z",
      data_id: `wis2/ca-eccc-msc/data/core/${topic}/${path}`,
      integrity: identity,
    },
    links: [{ href: `${base}${path}`, rel: "canonical", length: 9 }],
  });
  const back = configSchema.parse({
    ...settings,
    from: { format: "wis", exchange: "xpublic", topicPrefix: "origin.a.wis2" },
    to: [{ format: "v03", exchange: "in", topicPrefix: "v03.wis2" }],
  });
  const again = translate(message, back, nowMs);
  expect(again).toMatchObject({ value: [{ exchange: "in", routingKey: `v03.wis2.${levels}` }] });
  expect(again.ok && JSON.parse(again.value[0]?.body.toString() ?? "")).toEqual({ ...v03, identity });
});

test("a product of a folder without a WIS2 topic is not announced at all", () => {
  const exp = { format: "exp", exchange: "cmc", topicPrefix: "exp.dd.notify" };
  const config = configSchema.parse({ ...settings, to: [exp, wis] });
  const message = { routingKey: "v03.model", body: v03Of({ relPath: "model/x" }) };
  expect(translate(message, config, nowMs)).toEqual({ ok: false, reason: "no WIS2 topic for the folder of model/x" });
});
