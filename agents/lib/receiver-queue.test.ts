import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { UserError } from "./errors.ts";
import { LocalFault, ReceiverQueue } from "./receiver-queue.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "receiver-queue-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("a product appears under its name only when it is complete; before, its name has a leading dot", async () => {
  const file = await new ReceiverQueue(directory, 0o640).receive();
  await file.write(Buffer.from("first "));
  await file.write(Buffer.from("second"));
  expect(readdirSync(directory)).toEqual([expect.stringMatching(/^\.pull-\d+-1\.part$/)]);
  await file.place("é a:URP:b");
  expect(readdirSync(directory)).toEqual(["é a:URP:b"]);
  expect(readFileSync(join(directory, "é a:URP:b"), "utf8")).toBe("first second");
  expect(statSync(join(directory, "é a:URP:b")).mode & 0o777).toBe(0o640);
});

test("a product of 0 bytes and a name of 255 bytes are placed like any other", async () => {
  const name = "x".repeat(255);
  await (await new ReceiverQueue(directory, 0o644).receive()).place(name);
  expect(await new ReceiverQueue(directory, 0o644).sizeOf(name)).toBe(0);
});

test("a discarded product leaves nothing", async () => {
  const file = await new ReceiverQueue(directory, 0o644).receive();
  await file.write(Buffer.from("half"));
  await file.discard();
  expect(readdirSync(directory)).toEqual([]);
});

test("an existing product is replaced in one step, never doubled", async () => {
  writeFileSync(join(directory, "p"), "old");
  const file = await new ReceiverQueue(directory, 0o644).receive();
  await file.write(Buffer.from("new"));
  await file.place("p");
  expect(readdirSync(directory)).toEqual(["p"]);
  expect(readFileSync(join(directory, "p"), "utf8")).toBe("new");
});

test("leftovers of a killed process are removed at the start; products and others' files are not", async () => {
  for (const name of [".pull-123-4.part", ".pull-99-1.part", ".other.part", "product"]) {
    writeFileSync(join(directory, name), "x");
  }
  expect(await new ReceiverQueue(directory, 0o644).prepare()).toBe(2);
  expect(readdirSync(directory).sort()).toEqual([".other.part", "product"]);
});

test("a missing folder stops the start with a remedy", async () => {
  const error = await new ReceiverQueue(join(directory, "missing"), 0o644).prepare().catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(UserError);
  expect((error as UserError).format()).toContain(`install -d -o USER ${join(directory, "missing")}`);
});

test("a folder that vanishes later is this host's fault, not the product's", async () => {
  const queue = new ReceiverQueue(directory, 0o644);
  rmSync(directory, { recursive: true });
  await expect(queue.receive()).rejects.toThrow(LocalFault);
  mkdirSync(directory);
  await (await queue.receive()).place("p");
});

test("a file that must be new does not replace one of its name, and is placed under another name instead", async () => {
  writeFileSync(join(directory, "p"), "old");
  const file = await new ReceiverQueue(directory, 0o644, "receive").receive();
  await file.write(Buffer.from("new"));
  expect(await file.placeNew("p")).toBe(false);
  expect(readFileSync(join(directory, "p"), "utf8")).toBe("old");
  expect(await file.placeNew("q")).toBe(true);
  expect(readdirSync(directory).sort()).toEqual(["p", "q"]);
  expect(readFileSync(join(directory, "q"), "utf8")).toBe("new");
});

test("a file is recognized by name and bytes", async () => {
  const queue = new ReceiverQueue(directory, 0o644, "receive");
  writeFileSync(join(directory, "p"), "abc");
  expect(await queue.has("p", Buffer.from("abc"))).toBe(true);
  expect(await queue.has("p", Buffer.from("abd"))).toBe(false);
  expect(await queue.has("p", Buffer.from("ab"))).toBe(false);
  expect(await queue.has("q", Buffer.from("abc"))).toBe(false);
});

test("fifty concurrent files are all placed, with few syncs of the folder", async () => {
  const queue = new ReceiverQueue(directory, 0o644, "receive");
  const names = Array.from({ length: 50 }, (_, index) => `p${index}`);
  await Promise.all(names.map(async (name) => (await queue.receive()).placeNew(name)));
  expect(readdirSync(directory).sort()).toEqual([...names].sort());
});

test("the writer of a product knows its temporary name", async () => {
  const file = await new ReceiverQueue(directory, 0o644).receive();
  expect(readdirSync(directory)).toEqual([file.part]);
});

test("the caller is notified when a file gets its name, and only if it does", async () => {
  const queue = new ReceiverQueue(directory, 0o644, "receive");
  const heard: string[][] = [];
  const named = async () => {
    heard.push(readdirSync(directory).filter((name) => !name.startsWith(".")));
  };
  expect(await (await queue.receive()).placeNew("p", named)).toBe(true);
  const second = await queue.receive();
  expect(await second.placeNew("p", named)).toBe(false);
  await second.place("q", named);
  expect(heard).toEqual([["p"], ["p", "q"]]);
});
