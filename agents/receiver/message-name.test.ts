import fc from "fast-check";
import { expect, test } from "vitest";
import { checkFileName } from "../lib/receiver-queue.ts";
import { hashOf, nameOf, nameTemplateFault, numberedName } from "./message-name.ts";

/** Characters of one to four bytes, half a surrogate pair, and characters that names may not contain. */
const character = fc.constantFrom(..."aZ0 :~%$&{}./\\*-", "\0", "\n", "\u007f", "é", "€", "𝒳", "\ud800", ".tmp");
const template = "$".concat("{key}.$", "{hash}");
const image = "radar.24_HR_ACCUM.GIF.XSS++201306061440_XSS_24_HR_ACCUM_MM.gif:URP:XSS:RADAR:GIF:";

function message(own: { routingKey?: string; filename?: unknown; body?: string; messageId?: string } = {}) {
  const { routingKey = "exp.dd.notify.radar", filename, body = "body", messageId } = own;
  const headers = filename === undefined ? {} : { filename };
  return { routingKey, headers, body: Buffer.from(body), messageId };
}
const named = (filename: unknown) => nameOf(message({ filename }), "filename", template);
const templated = (own: object, text = template) => {
  const name = nameOf(message(own), "filename", text);
  return name.ok ? name.value : name.reason;
};

test("the name in the header is used unchanged", () => {
  for (const name of [image, "a b é", "x".repeat(255), "~", "a..b", "-rf", "back\\slash", "$".concat("{key}")]) {
    expect(named(name)).toEqual({ ok: true, value: name });
  }
});

test.each([
  ["../../etc/passwd", "header filename: the file name contains a slash"],
  ["/etc/passwd", "header filename: the file name contains a slash"],
  ["..", "header filename: the file name starts with a dot, which marks unfinished files"],
  [".hidden", "header filename: the file name starts with a dot, which marks unfinished files"],
  ["x.tmp", "header filename: the file name ends in .tmp, which marks unfinished files"],
  ["a\0b", "header filename: the file name contains a control character"],
  ["a\nb", "header filename: the file name contains a control character"],
  ["", "header filename: the product has no file name"],
  ["é".repeat(128), "header filename: the file name has 256 bytes, but a file system accepts at most 255"],
  [7, "header filename is not text"],
  [Buffer.from("x"), "header filename is not text"],
  [{ a: 1 }, "header filename is not text"],
])("%j is not a valid file name: %s", (name, reason) => {
  expect(named(name)).toEqual({ ok: false, reason });
});

test("a message without the header is named after its key and a hash", () => {
  const name = templated({});
  expect(name).toMatch(/^exp\.dd\.notify\.radar\.[0-9a-f]{16}$/);
  expect(templated({})).toBe(name);
  expect(templated({ filename: null })).toBe(name);
  const others = [{ body: "other" }, { messageId: "1" }, { routingKey: "exp.dd.notify.rada" }].map((own) =>
    templated(own),
  );
  expect(new Set([name, ...others]).size).toBe(4);
});

test("the id replaces its placeholder; for a message without an id, the hash does", () => {
  const byId = "m-$".concat("{id}");
  expect(templated({ messageId: "17" }, byId)).toBe("m-17");
  expect(templated({ messageId: "../17" }, byId)).toBe("m-.._17");
  expect(templated({ messageId: "17.tmp" }, byId)).toBe("m-17_tmp");
  expect(templated({}, byId)).toBe(`m-${hashOf(message()).slice(0, 16)}`);
});

test("a template makes a valid file name from any key and id", () => {
  const text = fc.string({ unit: character, maxLength: 300 });
  const templates = [template, "$".concat("{id}"), "$".concat("{key}$", "{key}-$", "{hash}")];
  fc.assert(
    fc.property(text, text, fc.constantFrom(...templates), (routingKey, messageId, each) => {
      const name = templated({ routingKey, messageId }, each);
      expect(checkFileName(name)).toEqual({ ok: true, value: name });
      expect(name.endsWith(".tmp")).toBe(false);
      expect(templated({ routingKey, messageId }, each)).toBe(name);
    }),
  );
});

test("templates that would give all messages the same name, or an invalid one, are rejected", () => {
  expect(nameTemplateFault(template)).toBeUndefined();
  expect(nameTemplateFault("$".concat("{key}"))).toContain("so that names differ");
  expect(nameTemplateFault("$".concat("{keys}$", "{hash}"))).toContain("is none of key, id, hash");
  expect(nameTemplateFault("folder/$".concat("{hash}"))).toContain("invalid file names");
  expect(nameTemplateFault(".$".concat("{hash}"))).toContain("invalid file names");
});

test("the number comes before the colon fields, and the name fits into 255 bytes", () => {
  expect(numberedName("WHAT:URP:XSS", 2)).toBe("WHAT~2:URP:XSS");
  expect(numberedName("plain", 12)).toBe("plain~12");
  expect(numberedName(":URP", 2)).toBe(":URP~2");
  expect(numberedName(`${"é".repeat(125)}:URP`, 2)).toBe(`${"é".repeat(124)}~2:URP`);
  fc.assert(
    fc.property(
      fc.string({ unit: character, minLength: 1, maxLength: 255 }),
      fc.integer({ min: 2, max: 1000 }),
      (text, number) => {
        fc.pre(Buffer.byteLength(text) <= 255);
        const name = numberedName(text, number);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
        expect(name).not.toBe(text);
      },
    ),
  );
});
