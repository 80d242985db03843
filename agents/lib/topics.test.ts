import fc from "fast-check";
import { expect, test } from "vitest";
import { formatTopic, parseTopic, replacePrefix, topicBytesMax } from "./topics.ts";

const prefix = "v00.urp.input";

test("the topic of the source's product is the path from db, with . for /, without the file name", () => {
  const path =
    "db/20150120/RADAR/URP/IWA/201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902";
  expect(formatTopic(prefix, path)).toEqual({ ok: true, value: "v00.urp.input.20150120.RADAR.URP.IWA" });
});

test("a file at the top of the tree has the prefix as its topic", () => {
  expect(formatTopic(prefix, "db/file")).toEqual({ ok: true, value: prefix });
  expect(parseTopic(prefix, prefix)).toEqual({ ok: true, value: [] });
});

test("a.b/c and a/b/c have different topics", () => {
  expect(formatTopic(prefix, "db/a.b/c/file")).toEqual({ ok: true, value: `${prefix}.a%2Eb.c` });
  expect(formatTopic(prefix, "db/a/b/c/file")).toEqual({ ok: true, value: `${prefix}.a.b.c` });
});

test("the limit counts bytes, and leaves room for the one byte by which the dispatcher's topic is longer", () => {
  const room = topicBytesMax - prefix.length - 1;
  const longest = formatTopic(prefix, `db/${"x".repeat(room)}/file`);
  expect(longest.ok && replacePrefix(longest.value, prefix, "v00.urp.notify").ok).toBe(true);
  expect(formatTopic(prefix, `db/${"x".repeat(room + 1)}/file`)).toMatchObject({ ok: false, reason: /255 bytes/ });
  expect(formatTopic(prefix, `db/${"é".repeat(room / 2 + 1)}/file`).ok).toBe(false);
});

test("replacing a prefix refuses another prefix and one that only looks like it", () => {
  expect(replacePrefix("v00.urp.input.A", prefix, "v00.urp.notify")).toEqual({ ok: true, value: "v00.urp.notify.A" });
  expect(replacePrefix("v00.urp.inputs.A", prefix, "v00.urp.notify").ok).toBe(false);
});

test("property: the directories are read back from the topic, whatever their names", () => {
  const directory = fc.string({ unit: fc.constantFrom(..."aZ09.*#% éß~,:-_"), minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(fc.array(directory, { maxLength: 6 }), (directories) => {
      const topic = formatTopic(prefix, ["db", ...directories, "file"].join("/"));
      expect(topic.ok && parseTopic(prefix, topic.value)).toEqual({ ok: true, value: directories });
    }),
  );
});
