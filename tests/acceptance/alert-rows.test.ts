import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { stopped } from "../faults/fault.ts";
import { type AlertRow, firingIn, keepRow, readRows, rowsTable, wrongPages } from "./alert-rows.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-alert-rows-"));
afterAll(() => rmSync(folder, { recursive: true }));

const alert = (state: string, alertname: string, severity: string) => ({
  ...{ state, activeAt: "2026-12-01T10:00:00Z", value: "1e+00", annotations: {} },
  labels: { alertname, severity, host: "bunny1" },
});

it("firing alerts are those that fire: none that is pending, and neither the Watchdog nor a budget of latency", () => {
  const alerts = [
    alert("firing", "Watchdog", "none"),
    alert("pending", "NoDispatcher", "page"),
    alert("firing", "TargetDown", "ticket"),
    alert("firing", "LatencyBudgetFast", "page"),
  ];
  expect(firingIn(JSON.stringify({ status: "success", data: { alerts } }))).toEqual([
    { name: "TargetDown", severity: "ticket" },
  ]);
  expect(() => firingIn('{"status":"error"}')).toThrow();
});

it("a page is wrong unless the fault names it; tickets are never", () => {
  const fault = {
    ...stopped("bunny1", "keepalived", "keepalived-runs", "one"),
    alert: "VirtualIp",
    alsoPages: ["NoDispatcher"],
  };
  const seen = ["VirtualIp", "NoDispatcher", "ProductLost", "ProductLost"].map((name) => ({
    ...{ name, severity: "page" },
  }));
  expect(wrongPages(fault, [...seen, { name: "UnitDown", severity: "ticket" }])).toEqual(["ProductLost"]);
});

it("a page is wrong at a fault that should fire nothing", () => {
  const fault = { ...stopped("pds-2", "ssh", "host-answers", "one"), alert: { none: "nobody needs it" } };
  expect(wrongPages(fault, [{ name: "FlowStopped", severity: "page" }])).toEqual(["FlowStopped"]);
});

const row = (fault: string, rules: string): AlertRow => ({
  ...{ fault, rules, alert: "TargetDown", secondsToFire: 31.6, secondsToClear: 12, others: ["RedundancyLost"] },
});

it("a run that was broken off continues behind its last complete row, and only with the same rules", () => {
  const file = join(folder, "deep", "rows.jsonl");
  expect(readRows(file, "a")).toEqual([]);
  keepRow(file, row("one", "a"));
  keepRow(file, row("two", "b"));
  appendFileSync(file, '{"fault":"thr');
  expect(readRows(file, "a").map(({ fault }) => fault)).toEqual(["one"]);
});

it("the table has fault, alert, and seconds", () => {
  expect(rowsTable([row("a broker hangs", "a")])).toMatch(/a broker hangs\s+TargetDown\s+32 s\s+12 s\s+RedundancyLost/);
});
