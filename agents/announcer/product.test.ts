import { expect, test } from "vitest";
import { configSchema } from "./config.ts";
import { composeAnnouncement } from "./product.ts";

const config = configSchema.parse({
  broker: { hosts: ["localhost"], user: "u", passwordFile: "p" },
  metrics: { port: 0 },
  rootDirectory: "/apps/px/db",
  baseUrl: "http://urp-1.cmc.ec.gc.ca/",
});
const name = "201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902";

test("the original system's product is announced with the original body, header and key", () => {
  const composed = composeAnnouncement(
    `20150120/RADAR/URP/IWA/${name}`,
    { size: 498081, changedMs: 1_421_777_342_812.4 },
    config,
  );
  if (!composed.ok) throw new Error(composed.reason);
  expect(composed.value.routingKey).toBe("v00.urp.input.20150120.RADAR.URP.IWA");
  expect(composed.value.message.body.toString()).toBe(
    `a985c32cbdee8af2ab5d7b8f6022e781 498081 http://urp-1.cmc.ec.gc.ca/ db/20150120/RADAR/URP/IWA/${name}`,
  );
  expect(composed.value.message.headers).toEqual({ filename: name, "x-warren-closed": "1421777342812" });
});

test("with topicFileName the routing key is the path from db, with . for /, and its name if that fits", () => {
  const keyOf = (path: string) => {
    const composed = composeAnnouncement(path, { size: 1, changedMs: 1 }, { ...config, topicFileName: true });
    return composed.ok && composed.value.routingKey;
  };
  expect(keyOf(`20150120/RADAR/URP/IWA/${name}`)).toBe(`v00.urp.input.20150120.RADAR.URP.IWA.${name}`);
  expect(keyOf("RADAR/a.b#.gif")).toBe("v00.urp.input.RADAR.a.b%23.gif");
  expect(keyOf(`RADAR/${"é".repeat(120)}`)).toBe("v00.urp.input.RADAR");
});

test("an empty product and one directly in the root are announced like any other", () => {
  const composed = composeAnnouncement("x", { size: 0, changedMs: 1 }, config);
  expect(composed.ok && composed.value.routingKey).toBe("v00.urp.input");
  expect(composed.ok && composed.value.message.body.toString()).toMatch(/ 0 http:.* db\/x$/);
});

test("folders too long for a routing key are rejected with the reason, counted in bytes", () => {
  const composed = composeAnnouncement(`${"é".repeat(125)}/x`, { size: 1, changedMs: 1 }, config);
  expect(composed.ok ? "" : composed.reason).toMatch(/topic .* has 264 bytes, but at most 254 fit/);
});
