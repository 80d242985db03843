import fc from "fast-check";
import { expect, test } from "vitest";
import { anyText } from "../../tests/fuzz/values/texts.ts";
import { nameAsText, RecordReader, watchedInodes } from "./inotify-records.ts";

const record = (events: string, folder: string, name: string) => Buffer.from(`${events}\0${folder}\0${name}\0`);

test("records are complete however the output is cut into chunks", () => {
  const name = anyText(10).filter((text) => !text.includes("\0") && text.isWellFormed());
  fc.assert(
    fc.property(fc.array(fc.tuple(name, name), { maxLength: 4 }), fc.integer({ min: 1, max: 9 }), (names, step) => {
      const output = Buffer.concat(names.map(([folder, file]) => record("CLOSE_WRITE,CLOSE", folder, file)));
      const reader = new RecordReader();
      const read: [string, string][] = [];
      for (let at = 0; at < output.length; at += step) {
        for (const one of reader.read(output.subarray(at, at + step))) {
          expect([...one.events]).toEqual(["CLOSE_WRITE", "CLOSE"]);
          read.push([one.folder.toString(), one.name.toString()]);
        }
      }
      expect(read).toEqual(names);
    }),
    { numRuns: 50 },
  );
});

test("spaces, newlines, commas and non-ASCII letters are part of the name", () => {
  const [one] = new RecordReader().read(record("MOVED_TO", "/db/a b/", "x\ny,é ü.ISDIR"));
  expect(one?.name.toString()).toBe("x\ny,é ü.ISDIR");
  expect(one?.folder.toString()).toBe("/db/a b/");
});

test("a name that is not valid UTF-8 has no text", () => {
  expect(nameAsText(Buffer.from([0x61, 0xff]))).toBeUndefined();
  expect(nameAsText(Buffer.from("é"))).toBe("é");
});

test("the watched inodes are read from fdinfo as hexadecimal numbers", () => {
  const text = [
    "pos:\t0",
    "ino:\t1039",
    "inotify wd:2 ino:998912 sdev:fe00000 mask:1c8 ignored_mask:0 fhandle-bytes:8",
    "inotify wd:1 ino:ff sdev:fe00000 mask:1c8 ignored_mask:0",
  ].join("\n");
  expect(watchedInodes(text)).toEqual(new Set([0x998912n, 0xffn]));
});
