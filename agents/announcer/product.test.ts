import { expect, test } from "vitest";
import { configSchema } from "./config.ts";
import { composeAnnouncement, isWhole, settleWaitMs, wantedPaths } from "./product.ts";

const config = configSchema.parse({
  broker: { hosts: ["localhost"], user: "u", passwordFile: "p" },
  metrics: { port: 0 },
  rootDirectory: "/apps/px/db",
  baseUrl: "http://urp-1.cmc.ec.gc.ca/",
});
const name = "201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902";

test("the source's product is announced with the source's body, header and key", () => {
  const composed = composeAnnouncement(`20150120/RADAR/URP/IWA/${name}`, 498081, config);
  if (!composed.ok) throw new Error(composed.reason);
  expect(composed.value.routingKey).toBe("v00.urp.input.20150120.RADAR.URP.IWA");
  expect(composed.value.message.body.toString()).toBe(
    `a985c32cbdee8af2ab5d7b8f6022e781 498081 http://urp-1.cmc.ec.gc.ca/ db/20150120/RADAR/URP/IWA/${name}`,
  );
  expect(composed.value.message.headers).toEqual({ filename: name });
});

test("a product of 0 bytes, and one directly in the root, are announced like any other", () => {
  const composed = composeAnnouncement("x", 0, config);
  expect(composed.ok && composed.value.routingKey).toBe("v00.urp.input");
  expect(composed.ok && composed.value.message.body.toString()).toMatch(/ 0 http:.* db\/x$/);
});

test("folders too long for a routing key are refused with the reason, counted in bytes", () => {
  const composed = composeAnnouncement(`${"é".repeat(125)}/x`, 1, config);
  expect(composed.ok ? "" : composed.reason).toMatch(/topic .* has 264 bytes, at most 254 fit/);
});

test("names in work are left alone, at any depth; accept narrows what is announced, not where it is looked for", () => {
  const all = wantedPaths(config);
  expect(["a/b", "a/b.tmp", ".a/b", "a/.b", "a.tmp/b", "a/b.tmpx"].map(all.file)).toEqual([
    true,
    false,
    false,
    false,
    false,
    true,
  ]);
  const some = wantedPaths({ ...config, accept: ["^[0-9]{8}/RADAR/"] });
  expect(some.file("20150120/RADAR/x")).toBe(true);
  expect(some.file("20150120/SATELLITE/x")).toBe(false);
  expect(some.folder("20150120")).toBe(true);
});

test("a name just made is whole only as one more link to a file", () => {
  expect(isWhole("created", { links: 1 })).toBe(false);
  expect(isWhole("created", { links: 2 })).toBe(true);
  expect(isWhole("closed", { links: 1 })).toBe(true);
});

test("a found file waits until it has rested, an empty one longer, one from a clock ahead no longer than that", () => {
  expect(settleWaitMs({ size: 1, changedMs: 1000 }, 1040, config)).toBe(60);
  expect(settleWaitMs({ size: 1, changedMs: 1000 }, 1100, config)).toBe(0);
  expect(settleWaitMs({ size: 0, changedMs: 1000 }, 1100, config)).toBe(1900);
  expect(settleWaitMs({ size: 1, changedMs: 9000 }, 1000, config)).toBe(100);
});
