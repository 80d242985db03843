import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { formatCopies } from "../lib/announced-copies.ts";
import type { Notice } from "../lib/side-notices.ts";
import { openCopies } from "./copies.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("copies of announcements wait for each other for a moment; one alone is as it was announced", () => {
  const sent: Notice[] = [];
  const copies = openCopies({ pending: 0, send: (notice) => void sent.push(notice), drained: async () => {} });
  const announcement = (name: string) => ({
    ...{ exchange: "cmc", routingKey: "v00.urp.input.db", body: Buffer.from(`key 7 http://urp-1/ db/${name}`) },
    headers: { filename: name, "x-warren-closed": "5" },
  });
  const [one, other] = [announcement("a"), announcement("b")];
  copies.add(one);
  copies.add(other);
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(250);
  const body = formatCopies([one, other].map((each) => ({ body: each.body, closedMs: 5 })));
  expect(sent).toEqual([{ body, contentType: "text/plain", count: 2 }]);
  copies.add(one);
  vi.advanceTimersByTime(250);
  expect(sent[1]).toEqual({ body: one.body, headers: one.headers, contentType: "text/plain" });
});
