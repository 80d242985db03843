import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { jsonLines, readLineLog } from "./file-lines.ts";
import { LineLog, type LineLogOptions } from "./line-log.ts";

// Kills and full disks are real, in other processes. Does not prove what a disk keeps after a power loss.

type Entry = readonly [string, number];

/** Milliseconds. A busy machine takes seconds to start a program. */
const timeout = 60_000;
const codec = jsonLines((json) => (Array.isArray(json) && json.length === 2 ? (json as unknown as Entry) : undefined));

let folder: string;
let file: string;
let warnings: { msg: string; cut?: string; cutBytes?: number }[];
const log = pino({ level: "warn" }, { write: (line) => void warnings.push(JSON.parse(line)) });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "line-log-"));
  file = join(folder, "log");
  warnings = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

async function opened(more: Partial<LineLogOptions<Entry>> = {}) {
  const lines = new LineLog<Entry>({ file, mode: 0o600, codec, log, ...more });
  const entries: Entry[] = [];
  await lines.open((entry) => entries.push(entry));
  return { lines, entries };
}

async function read(): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of readLineLog(file, codec)) entries.push(entry);
  return entries;
}

const content = (): string => readFileSync(file, "utf8");

test.each(["", "old"])(
  "cut at any byte, all lines before the cut are read, and so is what is appended then: head %j",
  async (head) => {
    const all: Entry[] = [
      ["é ü", 1],
      ["line \u2028 break", 2],
      ["[7", 3],
    ];
    const first: Entry[] = head === "" ? [] : [[head, 0]];
    const whole = Buffer.from([...first, ...all].map((entry) => `${JSON.stringify(entry)}\n`).join(""));
    for (let bytes = 0; bytes <= whole.length; bytes += 1) {
      warnings = [];
      writeFileSync(file, whole.subarray(0, bytes));
      const kept = [...first, ...all].filter((_, index, list) => {
        // The last byte of a line is its line break: without it the entry is still complete.
        const end = Buffer.byteLength(
          list
            .slice(0, index + 1)
            .map((entry) => `${JSON.stringify(entry)}\n`)
            .join(""),
        );
        return end - 1 <= bytes;
      });
      const { lines, entries } = await opened();
      expect(entries).toEqual(kept);
      lines.append(["next", bytes]);
      await lines.close();
      const after = [...kept, ["next", bytes] as const];
      expect(content()).toBe(after.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
      expect(await read()).toEqual(after);
      expect(warnings.length).toBe(warnings.filter(({ msg }) => msg.startsWith("log ends in a torn line")).length);
    }
  },
);

test("what will be cut off is logged, and stays until the next line", async () => {
  appendFileSync(file, '["a",1]\n["b');
  const { lines } = await opened();
  expect(warnings).toMatchObject([{ cutBytes: 3, cut: '["b', msg: expect.stringContaining("torn line") }]);
  expect(content()).toBe('["a",1]\n["b');
  lines.append(["c", 2]);
  expect(content()).toBe('["a",1]\n["c",2]\n');
  await lines.close();
});

test("damage in the middle costs only itself", async () => {
  writeFileSync(file, Buffer.concat([Buffer.from('["a",1]\n'), Buffer.alloc(5), Buffer.from([10, 0xff, 10, 10])]));
  const { lines, entries } = await opened();
  lines.append(["b", 2]);
  expect(entries).toEqual([["a", 1]]);
  expect(await read()).toEqual([
    ["a", 1],
    ["b", 2],
  ]);
  expect(warnings).toEqual([]);
  await lines.close();
});

test("a disk that fills up in the middle of a line is an error with file and remedy, and loses nothing", {
  timeout,
}, async () => {
  const script = `
    import { LineLog } from ${JSON.stringify(new URL("./line-log.ts", import.meta.url).href)};
    import { jsonLines } from ${JSON.stringify(new URL("./file-lines.ts", import.meta.url).href)};
    import { execFileSync } from "node:child_process";
    const lines = new LineLog({ file: ${JSON.stringify(file)}, mode: 0o600, codec: jsonLines((json) => json), log: console });
    const errors = [];
    for (let count = 0; count < 3; count += 1) {
      try { lines.append(["x".repeat(30), count]); } catch (error) { errors.push(error.format()); }
    }
    execFileSync("prlimit", ["--pid", String(process.pid), "--fsize=unlimited:unlimited"]);
    lines.append(["room", 9]);
    await lines.synced();
    console.log(JSON.stringify(errors));`;
  const args = ["--fsize=100:unlimited", process.execPath, "--input-type=module", "--eval", script];
  const child = spawn("prlimit", args, { stdio: ["ignore", "pipe", "inherit"] });
  const errors = JSON.parse(await text(child.stdout)) as string[];
  expect(errors).toHaveLength(1);
  expect(errors[0]).toContain(`${file}: can't be written: EFBIG`);
  expect(errors[0]).toContain("\n  remedy: ");
  expect((await read()).map(([, count]) => count)).toEqual([0, 1, 9]);
  expect(content().split("\n")).toHaveLength(4);
});

test("a kill loses nothing that was appended, even during a rewrite", { timeout }, async () => {
  const script = `
    import { LineLog } from ${JSON.stringify(new URL("./line-log.ts", import.meta.url).href)};
    import { jsonLines } from ${JSON.stringify(new URL("./file-lines.ts", import.meta.url).href)};
    import { writeSync } from "node:fs";
    const lines = new LineLog({ file: ${JSON.stringify(file)}, mode: 0o600, codec: jsonLines((json) => json), log: console });
    const all = [];
    await lines.open((entry) => all.push(entry));
    for (let count = all.length; ; count += 1) {
      lines.append(["p", count]);
      all.push(["p", count]);
      writeSync(1, count + "\\n");
      if (count % 50 === 0) void lines.rewrite(all);
      if (count % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }`;
  let said = -1;
  for (const many of [100, 333, 900]) {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(child, "close");
    let output = "";
    for await (const piece of child.stdout) {
      output += piece;
      if (output.split("\n").length > many) child.kill("SIGKILL");
    }
    await ended;
    said = Number(output.split("\n").at(-2));
    const counts = (await read()).map(([, count]) => count);
    expect(counts.length - 1).toBeGreaterThanOrEqual(said);
    expect(counts).toEqual(counts.map((_, index) => index));
  }
});

test("what is appended during a rewrite follows the kept entries", async () => {
  const { lines } = await opened();
  for (let count = 0; count < 100; count += 1) lines.append(["p", count]);
  const rewriting = lines.rewrite([["kept", 99]]);
  for (let count = 100; count < 150; count += 1) {
    lines.append(["p", count]);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await rewriting;
  lines.append(["p", 150]);
  await lines.synced();
  expect((await read()).map(([, count]) => count)).toEqual(Array.from({ length: 52 }, (_, index) => 99 + index));
  expect([lines.lines, lines.bytes]).toEqual([52, content().length]);
  expect(readdirSync(folder)).toEqual(["log"]);
  await lines.close();
});

test("a rotated file is FILE.1; each begins with the head; both are read, also during a rotation", async () => {
  const { lines } = await opened({ head: ["head", 0] });
  for (let count = 1; count <= 4; count += 1) {
    if (count % 2 === 1 && count > 1) lines.rotate();
    lines.append(["p", count]);
  }
  const synced = lines.synced();
  lines.rotate();
  lines.append(["p", 5]);
  await synced;
  const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
  expect(texts).toEqual(['["head",0]\n["p",5]\n', '["head",0]\n["p",3]\n["p",4]\n']);
  const reading = readLineLog(file, codec);
  const counts = [(await reading.next()).value?.[1]];
  lines.rotate();
  lines.append(["p", 6]);
  for await (const [, count] of reading) counts.push(count);
  expect(counts).toEqual([0, 3, 4, 0, 5]);
  lines.forget();
  expect(readdirSync(folder)).toEqual([]);
  await lines.close();
});

test("one sync serves all waiting callers, and rejects if the disk refuses it", async () => {
  const { lines } = await opened();
  lines.append(["a", 1]);
  expect(lines.synced()).toBe(lines.synced());
  await lines.synced();
  await lines.close();
  const away = new LineLog<Entry>({ file: join(folder, "none", "log"), mode: 0o600, codec, log });
  expect(() => away.append(["a", 1])).toThrow("can't be written: ENOENT");
  expect(() => away.rotate()).toThrow("can't be written: ENOENT");
});

test("a link or a folder in the file's place is refused, with what to do", async () => {
  symlinkSync("/dev/zero", file);
  await expect(opened()).rejects.toMatchObject({
    subject: file,
    message: "is not a regular file",
    remedy: /move it away/,
  });
});
