import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { expect, onTestFinished, test, vi } from "vitest";
import { watchAlerts } from "./alerts-watch.ts";
import type { OpenIncidents } from "./incidents.ts";

test("alerts of Prometheus are noted; an answer that is an error or too long is not", async () => {
  const alert = {
    labels: { alertname: "FlowStopped", severity: "page" },
    state: "firing",
    activeAt: "2026-11-05T03:09:40Z",
  };
  const bodies = ["no json", " ".repeat(5 * 1024 * 1024), JSON.stringify({ data: { alerts: [alert] } })];
  const server = createServer((_, response) => void response.end(bodies.shift()));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(() => void server.close());
  const seen: OpenIncidents[] = [];
  const lines: string[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  for (let times = bodies.length; times > 0; times -= 1) {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const before = bodies.length;
    const watch = watchAlerts({ url, log, onFiring: (firing) => void seen.push(firing) });
    await vi.waitFor(() => {
      expect(bodies.length).toBe(before - 1);
      expect(lines.length + seen.length).toBe(4 - times);
    });
    watch.stop();
  }
  expect(seen.map((firing) => [...firing.keys()])).toEqual([["FlowStopped "]]);
  expect(lines).toEqual(Array(2).fill("Prometheus does not say which alerts fire: incidents are not kept meanwhile"));
});
