import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AsideFolder } from "../lib/aside-folder.ts";
import { PlacedLog } from "../lib/placed-log.ts";
import { ReceiverQueue } from "../lib/receiver-queue.ts";
import { type Config, configSchema } from "./config.ts";
import { type Received, Receiver, type ReceiverEvents } from "./receiver.ts";

const log = pino({ level: "silent" });

let folder: string;
let reported: string[] = [];
let placedLogs: PlacedLog[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "receiver-"));
  mkdirSync(join(folder, "rxq"));
  reported = [];
});

afterEach(async () => {
  for (const placedLog of placedLogs) await placedLog.close();
  placedLogs = [];
  rmSync(folder, { recursive: true, force: true });
});

const events: ReceiverEvents = {
  placed: (name, bytes, numbered) => void reported.push(`placed ${name} ${bytes}${numbered ? " numbered" : ""}`),
  alreadyThere: (name, how) => void reported.push(`there ${how} ${name}`),
  rejected: (name, pattern) => void reported.push(`rejected ${name} by ${pattern}`),
  unfit: (reason, _, where) => void reported.push(`${where}: ${reason}`),
  notRemembered: () => void reported.push("not remembered"),
  localFault: (fault) => void reported.push(`fault ${fault.code}`),
  localCleared: () => void reported.push("cleared"),
};

async function startReceiver(own: Partial<Config> = {}, aside?: AsideFolder): Promise<Receiver> {
  const config = configSchema.parse({
    broker: { hosts: ["b"], user: "u", passwordFile: "p" },
    metrics: { port: 0 },
    exchange: "cmc",
    queue: "q",
    bindingKeys: ["#"],
    receiverQueueDirectory: join(folder, "rxq"),
    retryDelayMaxMs: 100,
    ...own,
  });
  const receiverQueue = new ReceiverQueue(config.receiverQueueDirectory, 0o644, "receive");
  await aside?.prepare(folder);
  const placedLog = new PlacedLog(join(folder, "placed"), config.placedRemembered, log);
  placedLogs.push(placedLog);
  await placedLog.load();
  return new Receiver(config, { receiverQueue, aside, placedLog, events });
}

function message(filename: unknown, body = "body", own: Partial<Received> = {}): Received {
  return {
    body: Buffer.from(body),
    routingKey: "exp.dd.notify.radar",
    exchange: "cmc",
    headers: filename === undefined ? {} : { filename },
    redelivered: false,
    signal: new AbortController().signal,
    ...own,
  };
}

/** The content of each file, by name. */
function files(): Record<string, string> {
  const names = readdirSync(join(folder, "rxq"), { withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(names.map(({ name }) => [name, readFileSync(join(folder, "rxq", name), "utf8")]));
}

test("a message becomes a file with the name in its header, and is acked", async () => {
  const receiver = await startReceiver();
  expect(await receiver.handle(message("a:URP:b", "content"))).toBe("ack");
  expect(files()).toEqual({ "a:URP:b": "content" });
  expect(reported).toEqual(["placed a:URP:b 7"]);
});

test("an empty body becomes an empty file, and binary data stays unchanged", async () => {
  const receiver = await startReceiver();
  const body = Buffer.from([0, 255, 10, 13, 0]);
  expect(await receiver.handle(message("empty", ""))).toBe("ack");
  expect(await receiver.handle({ ...message("bytes"), body })).toBe("ack");
  expect(readFileSync(join(folder, "rxq/bytes")).equals(body)).toBe(true);
  expect(readFileSync(join(folder, "rxq/empty")).length).toBe(0);
});

test("a redelivered message makes no second file while its file is waiting", async () => {
  const receiver = await startReceiver();
  await receiver.handle(message("a"));
  expect(await receiver.handle(message("a", "body", { redelivered: true }))).toBe("ack");
  expect(files()).toEqual({ a: "body" });
  expect(reported).toEqual(["placed a 4", "there waiting a"]);
});

test("a redelivered message with an id makes no second file after the first was moved away, even after a restart", async () => {
  const before = await startReceiver();
  await before.handle(message("a", "body", { messageId: "1" }));
  unlinkSync(join(folder, "rxq/a"));
  const after = await startReceiver();
  expect(await after.handle(message("a", "body", { messageId: "1", redelivered: true }))).toBe("ack");
  expect(files()).toEqual({});
  // The same message published again by its producer is a new message.
  expect(await after.handle(message("a", "body", { messageId: "1" }))).toBe("ack");
  expect(files()).toEqual({ a: "body" });
  expect(reported).toEqual(["placed a 4", "there before a", "placed a 4"]);
});

test("files with one name and several contents are numbered, even if they come at once", async () => {
  const receiver = await startReceiver();
  const bodies = ["first", "second", "third", "first"];
  await Promise.all(bodies.map((body) => receiver.handle(message("a:URP:b", body))));
  expect(files()).toEqual({ "a:URP:b": "first", "a~2:URP:b": "second", "a~3:URP:b": "third" });
});

test("with sameName replace the newer file replaces the older one", async () => {
  const receiver = await startReceiver({ sameName: "replace" });
  await receiver.handle(message("a", "first"));
  await receiver.handle(message("a", "second"));
  expect(files()).toEqual({ a: "second" });
});

test("a file with the name of a folder is numbered; with sameName replace its message is dead-lettered", async () => {
  mkdirSync(join(folder, "rxq/a"));
  await (await startReceiver()).handle(message("a"));
  expect(files()).toEqual({ "a~2": "body" });
  const replacing = await startReceiver({ sameName: "replace" });
  expect(await replacing.handle(message("a"))).toEqual({ deadLetter: "a folder has the file's name" });
});

test("rules decide by the name; a file that none matches is kept, as in older receivers", async () => {
  const receiver = await startReceiver({ rules: [{ accept: "a-good" }, { reject: "a" }] });
  for (const name of ["a-good", "a-bad", "other"]) expect(await receiver.handle(message(name))).toBe("ack");
  expect(Object.keys(files()).sort()).toEqual(["a-good", "other"]);
  expect(reported).toContain("rejected a-bad by a");
});

test("a message that can't become a file is dead-lettered with the reason, and leaves nothing behind", async () => {
  const receiver = await startReceiver({ fileBytesMax: 5 });
  const outcomes = [message("../up"), message(7), message("a", "123456")].map((each) => receiver.handle(each));
  expect(await Promise.all(outcomes)).toEqual([
    { deadLetter: "header filename: the file name contains a slash" },
    { deadLetter: "header filename is not text" },
    { deadLetter: "it has 6 bytes, more than fileBytesMax, 5" },
  ]);
  expect(readdirSync(join(folder, "rxq"))).toEqual([]);
});

test("with asideDirectory it is set aside, and acked once it is there", async () => {
  const aside = new AsideFolder(join(folder, "aside"));
  const receiver = await startReceiver({}, aside);
  expect(await receiver.handle(message("../up", "content", { messageId: "1" }))).toBe("ack");
  const names = readdirSync(aside.directory).sort();
  expect(names.map((name) => name.replace(/.*\./, ""))).toEqual(["file", "json"]);
  expect(readFileSync(join(aside.directory, names[0] ?? ""), "utf8")).toBe("content");
  expect(JSON.parse(readFileSync(join(aside.directory, names[1] ?? ""), "utf8"))).toMatchObject({
    name: "../up",
    reason: "header filename: the file name contains a slash",
    routingKey: "exp.dd.notify.radar",
    exchange: "cmc",
    messageId: "1",
  });
});

test("while the folder is missing messages are held; it continues when the folder is back", async () => {
  const receiver = await startReceiver();
  rmSync(join(folder, "rxq"), { recursive: true });
  const held = receiver.handle(message("a"));
  await vi.waitFor(() => expect(receiver.localFault?.code).toBe("ENOENT"), { timeout: 8000 });
  mkdirSync(join(folder, "rxq"));
  expect(await held).toBe("ack");
  expect(files()).toEqual({ a: "body" });
  expect(reported).toEqual(["fault ENOENT", "placed a 4", "cleared"]);
  expect(receiver.localFault).toBeUndefined();
});

test("held messages are requeued when the agent stops or the connection is lost", async () => {
  const receiver = await startReceiver();
  rmSync(join(folder, "rxq"), { recursive: true });
  const lost = new AbortController();
  const [first, second] = [receiver.handle(message("a", "1", { signal: lost.signal })), receiver.handle(message("b"))];
  await vi.waitFor(() => expect(reported).toContain("fault ENOENT"), { timeout: 8000 });
  lost.abort();
  expect(await first).toBe("requeue");
  receiver.stop();
  expect(await second).toBe("requeue");
});

test("messages are placed even if that can't be recorded", async () => {
  const receiver = await startReceiver();
  mkdirSync(join(folder, "placed"));
  expect(await receiver.handle(message("a", "body", { messageId: "1" }))).toBe("ack");
  expect(files()).toEqual({ a: "body" });
  expect(reported).toEqual(["not remembered", "placed a 4"]);
});
