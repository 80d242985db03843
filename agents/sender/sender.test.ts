import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AsideFolder } from "../lib/aside-folder.ts";
import { type AmqpConfig, amqpConfig } from "./config.ts";
import type { Outcome, OutgoingFile, SenderEvents } from "./ports.ts";
import { Sender } from "./sender.ts";
import { Underway } from "./underway.ts";

vi.setConfig({ testTimeout: 60_000 });
/** Milliseconds on an idle machine; the limit is for a busy one. */
const waitFor = (check: () => void) => vi.waitFor(check, { timeout: 50_000, interval: 20 });

let folder: string;
let running: { sender: Sender; ended: Promise<void> }[] = [];
let reported: string[] = [];
/** Names in order of delivery. */
let delivered: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sender-"));
  mkdirSync(join(folder, "txq/3/new"), { recursive: true });
  reported = [];
  delivered = [];
});

afterEach(async () => {
  for (const { sender } of running) sender.stop();
  await Promise.all(running.map(({ ended }) => ended));
  running = [];
  rmSync(folder, { recursive: true });
});

const pathOf = (name: string) => join(folder, "txq/3/new", name);
const put = (name: string, content = name) => writeFileSync(pathOf(name), content);
const left = () => readdirSync(join(folder, "txq/3/new")).sort();

const events: SenderEvents = {
  delivered: ({ name }) => void delivered.push(name),
  duplicate: ({ name }) => void reported.push(`duplicate ${name}`),
  rejected: (name, pattern) => void reported.push(`rejected ${name} by ${pattern}`),
  setAside: (name, reason) => void reported.push(`aside ${name}: ${reason}`),
  again: ({ name }) => void reported.push(`again ${name}`),
  later: ({ name }, reason) => void reported.push(`later ${name}: ${reason}`),
  localFault: (reason) => void reported.push(`fault: ${reason}`),
  localCleared: () => void reported.push("cleared"),
  scanned: () => {},
};

const good: Outcome = { kind: "delivered", bytes: 1, durationMs: 1 };
const lost: Outcome = { kind: "later", reason: "lost", mayBeThere: true };

/** A sender whose destination returns the result of `outcomeOf`. */
async function startSender(own: Partial<AmqpConfig>, outcomeOf: (file: OutgoingFile) => Outcome) {
  const config = amqpConfig.parse({
    broker: { hosts: ["b"], user: "u", passwordFile: "p" },
    metrics: { port: 0 },
    queueDirectory: join(folder, "txq"),
    rules: [{ reject: "no" }, { accept: ".*" }],
    exchange: "cmc",
    validation: false,
    settleMs: 0,
    emptySettleMs: 0,
    pollMs: 20,
    retryDelayMaxMs: 100,
    ...own,
  });
  const aside = new AsideFolder(join(folder, "aside"));
  await aside.prepare(folder);
  const underway = new Underway(join(folder, "underway"));
  await underway.load();
  const destination = {
    ready: async () => {},
    deliver: async (files: readonly OutgoingFile[], report: (file: OutgoingFile, outcome: Outcome) => void) => {
      for (const file of files) report(file, outcomeOf(file));
    },
  };
  const setAside = ({ path, name }: { path: string | Buffer; name: string }, reason: string) =>
    aside.move(path, { name, reason });
  const sender = new Sender(config, { destination, setAside, events, now: () => performance.now() }, underway);
  running.push({ sender, ended: sender.run() });
  return sender;
}

test("files are sent in order, and each is removed once it is delivered", async () => {
  for (const name of ["b", "c", "a"]) put(name);
  await startSender({ batch: 2 }, () => good);
  await waitFor(() => expect(left()).toEqual([]));
  expect(delivered).toHaveLength(3);
  put("d");
  await waitFor(() => expect(delivered[3]).toBe("d"));
});

test("a failed file stays, is retried, and doesn't delay others", async () => {
  const tries = new Map<string, number>();
  for (const name of ["a", "b", "c"]) put(name);
  await startSender({ batch: 1 }, ({ file: { name } }) => {
    tries.set(name, (tries.get(name) ?? 0) + 1);
    return name === "a" && (tries.get(name) ?? 0) < 3 ? lost : good;
  });
  await waitFor(() => expect(left()).toEqual([]));
  expect(delivered).toEqual(["b", "c", "a"]);
  expect(reported.filter((text) => text === "again a")).toHaveLength(2);
});

test("a rejected file is removed, or set aside if so configured", async () => {
  put("no-1");
  const sender = await startSender({}, () => good);
  await waitFor(() => expect(reported).toEqual(["rejected no-1 by no"]));
  expect(left()).toEqual([]);
  sender.stop();
  await running.pop()?.ended;
  put("no-2");
  await startSender({ rejected: "aside" }, () => good);
  await waitFor(() => expect(reported).toContain("aside no-2: rejected by no"));
  expect(readdirSync(join(folder, "aside")).filter((name) => name.endsWith(".file"))).toHaveLength(1);
});

test("invalid names, empty files and files that the destination can't accept are set aside with the reason", async () => {
  put("a:b");
  put("A:B:C:D:3:E:20130606144709");
  put("A:B:C:D:3:F:20130606144709");
  put("empty", "");
  await startSender({ validation: true }, ({ file }) =>
    file.name.includes("F") ? { kind: "unfit", reason: "its key is too long" } : good,
  );
  // A file leaves the folder first and is reported then.
  await waitFor(() =>
    expect(reported.sort()).toEqual([
      "aside A:B:C:D:3:F:20130606144709: its key is too long",
      "aside a:b: validation: its name has 2 colon fields, expected 7",
      "aside empty: it is empty",
    ]),
  );
  expect(left()).toEqual([]);
  expect(delivered).toEqual(["A:B:C:D:3:E:20130606144709"]);
});

test("a file that replaced another one while that was being sent is sent too", async () => {
  put("a", "old");
  let sent = 0;
  await startSender({}, () => {
    sent += 1;
    if (sent === 1) {
      rmSync(pathOf("a"));
      put("a", "newer");
    }
    return good;
  });
  await waitFor(() => expect(sent).toBe(2));
  await waitFor(() => expect(left()).toEqual([]));
});

test("files in flight in an earlier process are sent again, and counted", async () => {
  put("a");
  const sender = await startSender({}, () => lost);
  await waitFor(() => expect(reported).toContain("later a: lost"));
  sender.stop();
  await running.pop()?.ended;
  reported = [];
  expect(readFileSync(join(folder, "underway"), "utf8")).not.toBe("");
  put("b");
  await startSender({}, () => good);
  await waitFor(() => expect(left()).toEqual([]));
  expect(reported).toEqual(["again a"]);
  await waitFor(() => expect(readFileSync(join(folder, "underway"), "utf8")).toBe(""));
});

test("a missing folder is reported once, and sending continues when it is back", async () => {
  const sender = await startSender({}, () => good);
  rmSync(join(folder, "txq"), { recursive: true });
  await waitFor(() => expect(sender.fault).toContain("can't be scanned"));
  mkdirSync(join(folder, "txq/3/new"), { recursive: true });
  put("a");
  await waitFor(() => expect(existsSync(pathOf("a"))).toBe(false));
  await waitFor(() => expect(sender.fault).toBeUndefined());
  expect(reported.filter((text) => text.startsWith("fault"))).toHaveLength(1);
  expect(reported.at(-1)).toBe("cleared");
});
