import { join } from "node:path";
import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { useAgentTests } from "../../tests/rigs/agent-tests.ts";
import { DeliveryTest } from "../../tests/rigs/delivery-tests.ts";
import { consume } from "../lib/consumer.ts";

const waitMs = { timeout: 100_000, interval: 50 };
const heavy = { timeout: 300_000 };

const tests = useAgentTests("sender");

test(
  "a product of px is delivered to the public server and then announced with the original system's key and 86 bytes",
  heavy,
  async () => {
    const delivery = await DeliveryTest.start({ kind: "sftp" });
    try {
      const received: { routingKey: string; body: string; filename: unknown; isThere: boolean }[] = [];
      const session = await tests.connect({
        exchanges: [{ name: "cmc", type: "topic" }],
        queues: [{ name: "client", bindings: [{ exchange: "cmc", pattern: "exp.dd.notify.#" }] }],
      });
      const file = "201306061440_XSS_24_HR_ACCUM_MM.gif";
      consume({
        ...{ session, queue: "client", prefetch: 1, log: pino({ level: "silent" }), agent: "test" },
        handle: ({ routingKey, body, headers: { filename } }) => {
          const isThere = delivery.find(file)?.content.toString() === "a picture";
          received.push({ routingKey, body: body.toString(), filename, isThere });
          return "ack";
        },
      });
      tests.start({
        broker: tests.brokerSettings,
        metrics: { port: 0 },
        queueDirectory: join(delivery.folder, "notify"),
        rules: [{ reject: "^ensemble.naefs.grib2.raw.*" }, { accept: "^(.*)\\+\\+.*" }],
        exchange: "cmc",
        exchangeKey: "exp.dd.notify.$".concat("{0}"),
        ...{ validation: false, noDuplicates: false },
      });
      delivery.send(delivery.config({ lock: "umask" }));
      delivery.put(`${file}:URP:XSS:RADAR:GIF::20130606144709`, "a picture");
      await vi.waitFor(() => expect(received).toHaveLength(1), waitMs);
      const body = `http://dd1.weather.gc.ca/radar/24_HR_ACCUM/GIF/XSS/${file}`;
      expect(Buffer.byteLength(body)).toBe(86);
      expect(received).toEqual([
        {
          routingKey: "exp.dd.notify.radar.24_HR_ACCUM.GIF.XSS",
          body,
          filename: `radar.24_HR_ACCUM.GIF.XSS++${file}:URP:XSS:RADAR:GIF:`,
          isThere: true,
        },
      ]);
      await vi.waitFor(() => expect([...delivery.notifications()]).toEqual([]), waitMs);
    } finally {
      await delivery.stop();
    }
  },
);
