import { expect, test } from "vitest";
import { useAgentTests } from "../../tests/rigs/agent-tests.ts";

// The agent as a process, without Prometheus: what Alertmanager posts reaches the broker, or Alertmanager gets no 200.

const tests = useAgentTests("monitor");

test("a posted alert is on the exchange, once, when the answer is 200", async () => {
  const queue = "monitoring-events";
  const session = await tests.connect({
    exchanges: [{ name: "xpublic", type: "topic" }],
    queues: [{ name: queue, bindings: [{ exchange: "xpublic", pattern: "monitor.a.wis2.#" }] }],
  });
  const agent = tests.start({
    ...{ broker: tests.brokerSettings, metrics: { port: 0 }, page: { port: 0 }, map: { stack: "lab" } },
    events: { port: 0, exchange: "xpublic", centre: "ca-eccc-msc" },
  });
  const { port } = await agent.logged("publishing alerts as events");
  const alert = {
    ...{ status: "firing", fingerprint: "c0ffee", startsAt: "2026-06-06T14:47:09Z", endsAt: "0001-01-01T00:00:00Z" },
    ...{ labels: { severity: "page" }, annotations: { outsiders: "No new products are published" } },
  };
  const post = async () => {
    const body = JSON.stringify({ alerts: [alert] });
    const headers = { "content-type": "application/json" };
    return (await fetch(`http://127.0.0.1:${port}/`, { method: "POST", headers, body })).status;
  };
  // Alertmanager tries again, too. The broker may not be connected yet.
  await expect.poll(post, { interval: 50, timeout: 30_000 }).toBe(200);
  const got = await session.withChannel((channel) => channel.get(queue, { noAck: true }));
  if (!got) throw new Error("no event is in the queue");
  expect(got.fields).toMatchObject({ routingKey: "monitor.a.wis2.ca-eccc-msc", messageCount: 0 });
  expect(got.properties.contentType).toBe("application/cloudevents+json");
  expect(JSON.parse(got.content.toString()).data.content.title).toBe("No new products are published");
  expect(await agent.metrics()).toContain('warren_monitor_events_total{outcome="confirmed"} 1');
  await session.withChannel((channel) => channel.deleteQueue(queue));
});
