import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Deliveries, watchDeliveries } from "./deliveries.ts";
import type { DeliveredFile } from "./evidence.ts";
import { makeCase, run } from "./fixture.ts";
import { runMark } from "./products.ts";

let directory = "";
let deliveries: Deliveries;
const reported: DeliveredFile[] = [];
const { at, copyOf, evidence, write } = makeCase(2);
write(0, 1);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "warren-chaos-test-"));
  reported.length = 0;
  deliveries = watchDeliveries({
    folders: [{ pds: "pds-1", directory }],
    mark: runMark(run),
    copyOf: (file) => evidence.product(at(0).name)?.copies.find((copy) => copy.file === file),
    onDelivered: (file) => reported.push(file),
  });
});

afterEach(async () => {
  await deliveries.stop();
  await rm(directory, { recursive: true });
});

const put = async (bytes: Buffer | string, file = copyOf(0, 0).file): Promise<void> => {
  await writeFile(join(directory, ".incoming"), bytes);
  await rename(join(directory, ".incoming"), join(directory, file));
};

it("a file is reported once, however often folders are scanned", async () => {
  await put(copyOf(0, 0).content.bytes);
  await Promise.all([deliveries.scan(), deliveries.scan(), deliveries.scan()]);
  expect(reported).toMatchObject([{ pds: "pds-1", file: copyOf(0, 0).file, wrong: undefined }]);
});

it("a file that replaces a reported one is a second delivery", async () => {
  await put(copyOf(0, 0).content.bytes);
  await deliveries.scan();
  await put(copyOf(0, 0).content.bytes);
  await deliveries.scan();
  expect(reported).toHaveLength(2);
});

it("wrong bytes or a wrong size are reported", async () => {
  const { content, size } = copyOf(0, 0);
  await put(Buffer.alloc(size, "x"));
  await deliveries.scan();
  await put(content.bytes.subarray(1));
  await deliveries.scan();
  expect(reported.map(({ wrong }) => wrong)).toEqual([
    "bytes differ from those on urp-1",
    `${size - 1} bytes, ${size} on urp-1`,
  ]);
});

it("foreign files and incomplete files are ignored", async () => {
  await put("x", `.${copyOf(0, 0).file}.part`);
  await put("x", "202611250138~~PPI,0.3,10,CAPPI,DBZ,DBZ:URP:IWA:RADAR:META::20261125013801");
  await deliveries.scan();
  expect(reported).toEqual([]);
});
