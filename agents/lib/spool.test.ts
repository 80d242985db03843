import { appendFile, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSpool, type Spool, SpoolFullError } from "./spool.ts";
import { decodeRecords, encodeRecord, type SpoolRecord } from "./spool-record.ts";

const log = pino({ level: "silent" });
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "warren-spool-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const open = (bytesMax = 1_000_000): Promise<Spool> => openSpool({ directory, bytesMax, log });
const texts = (spool: Spool): string[] => [...spool.entries()].map((entry) => entry.payload.toString());
const files = async (): Promise<string[]> => (await readdir(directory)).sort().map((name) => join(directory, name));

test("the next process finds what was appended and is not done, in order", async () => {
  const first = await open();
  const sequences = await Promise.all(["a", "b", "c", "d"].map((text) => first.append(Buffer.from(text))));
  first.done(sequences[1] ?? 0);
  await first.close();
  const second = await open();
  expect(texts(second)).toEqual(["a", "c", "d"]);
  expect(await second.append(Buffer.from("e"))).toBeGreaterThan(sequences[3] ?? 0);
  expect(texts(second)).toEqual(["a", "c", "d", "e"]);
  await second.close();
});

test("cut off at any byte, as by a kill, it has every complete message, and works on", async () => {
  const first = await open();
  for (const text of ["one", "two", "three"]) await first.append(Buffer.from(text));
  await first.close();
  const [file = ""] = await files();
  const whole = await readFile(file);
  for (let cut = 0; cut <= whole.length; cut++) {
    for (const each of await files()) await rm(each);
    await writeFile(file, whole.subarray(0, cut));
    const expected = decodeRecords(whole.subarray(0, cut)).records.length;
    const spool = await open();
    expect(texts(spool)).toEqual(["one", "two", "three"].slice(0, expected));
    await spool.append(Buffer.from("more"));
    await spool.close();
    const again = await open();
    expect(texts(again)).toEqual([...["one", "two", "three"].slice(0, expected), "more"]);
    await again.close();
  }
});

test("garbage after the last complete record is cut off, nothing before it is touched", async () => {
  const first = await open();
  await first.append(Buffer.from("kept"));
  await first.close();
  const [file = ""] = await files();
  await appendFile(file, Buffer.from([0, 0, 0, 20, 1, 2, 3, 4, 5]));
  const { size } = await stat(file);
  const second = await open();
  expect(texts(second)).toEqual(["kept"]);
  expect((await stat(file)).size).toBe(size - 9);
  await second.close();
});

test("a full spool refuses with an error, keeps what it has, and accepts again when something is done", async () => {
  const spool = await open(100);
  const first = await spool.append(Buffer.alloc(60));
  await expect(spool.append(Buffer.alloc(60))).rejects.toBeInstanceOf(SpoolFullError);
  expect(spool.count).toBe(1);
  spool.done(first);
  await spool.append(Buffer.alloc(60));
  expect(spool.bytes).toBe(60);
  await spool.close();
});

test("files in which nothing waits are removed, even while one old message waits for ever", async () => {
  const spool = await open(8000);
  await spool.append(Buffer.from("stuck"));
  for (let index = 0; index < 500; index++) spool.done(await spool.append(Buffer.alloc(100)));
  expect(spool.bytesOnDisk).toBeLessThan(3 * 8000);
  expect((await files()).length).toBeLessThan(10);
  await spool.close();
  const again = await open(8000);
  expect(texts(again)).toEqual(["stuck"]);
  await again.close();
});

test("a disk that refuses is reported to the caller; what was there stays", async () => {
  const spool = await open();
  await spool.append(Buffer.from("before"));
  await spool.close();
  await rm(directory, { recursive: true });
  await expect(spool.append(Buffer.from("after"))).rejects.toThrow(/ENOENT/);
  expect(texts(spool)).toEqual(["before"]);
});

test("property: records read back as written, and damage costs only the record that it hits", () => {
  const record: fc.Arbitrary<SpoolRecord> = fc.oneof(
    fc.record({
      type: fc.constant("put" as const),
      sequence: fc.nat(),
      appendedAtMs: fc.nat({ max: 2 ** 45 }),
      payload: fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
    }),
    fc.record({ type: fc.constant("done" as const), sequence: fc.nat() }),
  );
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 1, maxLength: 8 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (records, at, flip) => {
        const encoded = records.map(encodeRecord);
        const data = Buffer.concat(encoded);
        expect(decodeRecords(data)).toEqual({ records, validBytes: data.length, damagedBytes: 0 });
        const position = at % data.length;
        data.writeUInt8(data.readUInt8(position) ^ flip, position);
        let hit = 0;
        while (Buffer.concat(encoded.slice(0, hit + 1)).length <= position) hit++;
        const isLast = hit === records.length - 1;
        expect(decodeRecords(data)).toEqual({
          records: records.toSpliced(hit, 1),
          validBytes: isLast ? data.length - (encoded[hit]?.length ?? 0) : data.length,
          damagedBytes: isLast ? 0 : encoded[hit]?.length,
        });
      },
    ),
  );
});

test("a spool file damaged in its middle keeps every message but the damaged one", async () => {
  const first = await open();
  for (const text of ["one", "two", "three"]) await first.append(Buffer.from(text));
  await first.close();
  const [file = ""] = await files();
  const data = await readFile(file);
  data.writeUInt8(0xff, data.indexOf("two"));
  await writeFile(file, data);
  const second = await open();
  expect(texts(second)).toEqual(["one", "three"]);
  await second.append(Buffer.from("four"));
  await second.close();
  const third = await open();
  expect(texts(third)).toEqual(["one", "three", "four"]);
  await third.close();
});

test("a spool that a process truncated to nothing is an empty spool", async () => {
  const first = await open();
  await first.append(Buffer.from("x"));
  await first.close();
  for (const file of await files()) await truncate(file, 0);
  const second = await open();
  expect(second.count).toBe(0);
  await second.close();
});

test("a spool written by version 0.1.0 is read, and written, byte by byte", () => {
  const records: SpoolRecord[] = [
    { type: "put", sequence: 7, appendedAtMs: 1764288000123, payload: Buffer.from("v00") },
    { type: "done", sequence: 7 },
  ];
  const written = Buffer.from(
    "00000010b0a1b69201000000000007019ac7c2707b7630300000000daa8fcd4702000000000007000000000000",
    "hex",
  );
  expect(decodeRecords(written).records).toEqual(records);
  expect(Buffer.concat(records.map(encodeRecord))).toEqual(written);
});
