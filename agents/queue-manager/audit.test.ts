import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Audit, type AuditEvent, auditLine } from "./audit.ts";

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "queue-manager-audit-"));
  file = join(folder, "audit.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true }));

const bindings = [{ source: "xpublic", routingKey: "v02.post.#", arguments: {} }];

function line(event: AuditEvent, name: string) {
  const queue = {
    ...{ vhost: "/", name, type: "classic", consumers: 0, messages: 25_001, bytes: 9, uses: 0, durable: true },
    arguments: { "x-max-length": 5 },
  };
  const watched = { vhost: "/", name, unusedMs: 61_400, seenMs: 0, uses: 0, stage: "unbound" as const, bindings };
  return auditLine(event, { step: "delete", className: "clients", queue, watched }, { nowMs: 0 });
}

async function opened(bytesMax = 1_000_000): Promise<Audit> {
  const audit = new Audit(file, bytesMax, pino({ level: "silent" }));
  await audit.open();
  return audit;
}

test("a line has everything needed to declare the queue again", () => {
  expect(line("deleted", "q")).toEqual({
    ...{ time: "1970-01-01T00:00:00.000Z", event: "deleted", vhost: "/", queue: "q", class: "clients" },
    ...{ messages: 25_001, bytes: 9, unusedSeconds: 61, type: "classic", durable: true },
    ...{ arguments: { "x-max-length": 5 }, bindings },
  });
});

test("its lines are the same as those of previous queue managers", async () => {
  const audit = await opened();
  await audit.write(line("unbinding", "q"));
  await audit.close();
  const golden =
    '{"time":"1970-01-01T00:00:00.000Z","event":"unbinding","vhost":"/","queue":"q","class":"clients","messages":25001,"bytes":9,"unusedSeconds":61,"type":"classic","durable":true,"arguments":{"x-max-length":5},"bindings":[{"source":"xpublic","routingKey":"v02.post.#","arguments":{}}]}\n';
  expect(readFileSync(file, "utf8")).toBe(golden);
});

test("deleted queues are listed, also by the next process, and after a line truncated by a kill", async () => {
  const first = await opened();
  await first.write(line("warned", "a"));
  await first.write(line("deleted", "a"));
  await first.close();
  appendFileSync(file, '{"event":"del');
  const next = await opened();
  await next.write(line("deleted", "b"));
  expect(next.removals.map(({ queue }) => queue)).toEqual(["a", "b"]);
  await next.close();
  const third = await opened();
  expect(third.removals.map(({ queue }) => queue)).toEqual(["a", "b"]);
  await third.close();
});

test("a file that is too large is renamed, and the previous one is still read", async () => {
  const audit = await opened(1000);
  for (let count = 0; count < 6; count += 1) await audit.write(line("deleted", `q${count}`));
  await audit.close();
  expect(readFileSync(`${file}.1`, "utf8").length).toBeGreaterThan(1000);
  const next = await opened();
  expect(next.removals.map(({ queue }) => queue)).toEqual(["q0", "q1", "q2", "q3", "q4", "q5"]);
  await next.close();
});
