import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { afterEach, expect, test } from "vitest";
import { type AlertReceiver, receiveAlerts } from "./monitoring-events.ts";

// Events by the WMO's schema. Not shown here: that Alertmanager posts in this form, and the broker's part.

const schemaFile = join(import.meta.dirname, "../../docs/subscribe/wis2-monitoring-event.json");
const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);
// Its parts have ids of their own, from which their references lead nowhere.
const withoutIds = (key: string, value: unknown) => (key === "$id" ? undefined : value);
const isValid = ajv.compile(JSON.parse(readFileSync(schemaFile, "utf8"), withoutIds));

const nowMs = Date.parse("2026-06-06T14:50:00Z");
const alert = (changes = {}) => ({
  ...{ status: "firing", fingerprint: "c0ffee0123456789", generatorURL: "http://px-1:9090/graph" },
  ...{ startsAt: "2026-06-06T10:47:09.123456789-04:00", endsAt: "0001-01-01T00:00:00Z" },
  labels: { alertname: "PublicUnserved", severity: "page", host: "wxo-b1" },
  annotations: { summary: "wxo-b1 serves nothing", outsiders: "Products can't be fetched from a data server" },
  ...changes,
});

let receiver: AlertReceiver;
afterEach(() => receiver.close());

const published: Buffer[] = [];
async function post(body: unknown, type = "application/json", accepts = async () => true): Promise<number> {
  receiver?.close();
  published.length = 0;
  const publish = async (event: Buffer) => {
    published.push(event);
    return accepts();
  };
  receiver = await receiveAlerts({ port: 0, centre: "ca-eccc-msc", publish, nowMs: () => nowMs });
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const url = `http://127.0.0.1:${receiver.port}/`;
  return (await fetch(url, { method: "POST", headers: { "content-type": type }, body: text })).status;
}
const eventsOf = async (...alerts: object[]) => {
  expect(await post({ version: "4", alerts })).toBe(200);
  return published.map((body) => JSON.parse(body.toString()));
};

test("an alert and its end are events by the schema, and name no host", async () => {
  const end = alert({ status: "resolved", endsAt: "2026-06-06T14:49:09Z" });
  const events = await eventsOf(alert(), end, alert({ labels: { severity: "ticket" } }));
  for (const event of events) expect(isValid(event), JSON.stringify(isValid.errors)).toBe(true);
  expect(isValid({ ...events[0], data: { ...events[0].data, severity: "page" } })).toBe(false);
  const [began, ended] = events;
  expect(began).toMatchObject({
    ...{ source: "ca-eccc-msc", subject: "ca-eccc-msc", time: "2026-06-06T14:50:00.000Z" },
    data: { severity: "CRITICAL", time: { interval: ["2026-06-06T14:47:09.123Z", ".."] } },
  });
  expect(ended.data).toMatchObject({
    ...{ severity: "INFO", ref: began.id },
    time: { interval: ["2026-06-06T14:47:09.123Z", "2026-06-06T14:49:09.000Z"] },
  });
  expect(ended.id).not.toBe(began.id);
  expect(events[2].data.severity).toBe("WARNING");
  expect(JSON.stringify(events)).not.toMatch(/wxo|px-1/);
});

test("an alert that is posted again has the same id, and another alert or beginning has another", async () => {
  const [first] = await eventsOf(alert());
  const others = await eventsOf(alert(), alert({ fingerprint: "f" }), alert({ startsAt: "2026-06-06T14:48:00Z" }));
  expect(others.map(({ id }) => id === first.id)).toEqual([true, false, false]);
});

test("an alert that is not for outsiders is passed over, and what is no post of Alertmanager's is refused", async () => {
  expect(await eventsOf(alert({ annotations: { summary: "a host" } }))).toEqual([]);
  for (const body of ["{", "[]", { alerts: [{}] }, `"${"x".repeat(1_100_000)}"`]) expect(await post(body)).toBe(400);
  expect(await post({ alerts: [alert()] }, "text/plain")).toBe(405);
  expect(published).toEqual([]);
});

test("Alertmanager is asked to try again while the broker does not confirm", async () => {
  expect(await post({ alerts: [alert()] }, "application/json", async () => false)).toBe(503);
});
