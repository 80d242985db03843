import { expect, test } from "vitest";
import { changesOf, readFiring } from "./incidents.ts";

const nowMs = Date.parse("2026-11-05T03:10:00Z");
const alert = (alertname: string, own: object = {}) => ({
  labels: { alertname, severity: "page", host: "bunny1", job: "agent", instance: "bunny1" },
  annotations: { summary: `${alertname} on bunny1` },
  state: "firing",
  activeAt: "2026-11-05T03:09:40.5Z",
  value: "1e+00",
  ...own,
});
const answer = (...alerts: object[]) => ({ status: "success", data: { alerts } });

test("alerts that fire are incidents, since their condition holds", () => {
  const pending = alert("FlowStopped", { state: "pending" });
  const watchdog = alert("Watchdog", { labels: { alertname: "Watchdog", severity: "none" } });
  expect([...readFiring(answer(alert("NoDispatcher"), pending, watchdog), nowMs)]).toEqual([
    [
      "NoDispatcher host=bunny1",
      {
        ...{ alert: "NoDispatcher", severity: "page", about: "host=bunny1", summary: "NoDispatcher on bunny1" },
        ...{ beganMs: nowMs - 19_500, notifiedMs: nowMs },
      },
    ],
  ]);
});

test("an incident begins and ends once", () => {
  const first = readFiring(answer(alert("NoDispatcher")), nowMs);
  const later = readFiring(answer(alert("NoDispatcher"), alert("FlowStopped")), nowMs + 10_000);
  expect(changesOf(new Map(), first)).toEqual({ began: [...first], ended: [] });
  expect(changesOf(first, later).began.map(([name]) => name)).toEqual(["FlowStopped host=bunny1"]);
  expect(changesOf(later, first)).toEqual({
    began: [],
    ended: [["FlowStopped host=bunny1", later.get("FlowStopped host=bunny1")]],
  });
});

test("foreign text is bounded and printable, a time of the future is now, and another program's answer is an error", () => {
  const odd = alert("x".repeat(1000), { activeAt: "2030-01-01T00:00:00Z", annotations: { summary: "a\u001b[31m\nb" } });
  const [[, one] = []] = readFiring(answer(odd), nowMs);
  expect(one).toMatchObject({ beganMs: nowMs, summary: "a\\x1b[31m\\nb" });
  expect(one?.alert.length).toBeLessThanOrEqual(101);
  expect(() => readFiring({ error: "no" }, nowMs)).toThrow();
});
