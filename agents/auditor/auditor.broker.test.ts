import { afterEach, beforeEach, expect, test } from "vitest";
import { useAgentTests } from "../../tests/rigs/agent-tests.ts";
import { seededChoices } from "../../tests/rigs/seeded.ts";
import { KilledAgent, type TestedAgent } from "../../tests/rigs/tested-agent.ts";
import { overdueAnswer, productsAnswer } from "../lib/audit-answers.ts";
import type { BrokerSession } from "../lib/broker-session.ts";
import { auditQueueAt } from "../lib/dispatch-topics.ts";
import { type Marks, markHeaders } from "../lib/headers.ts";
import { deadLetterExchange, deadLetterTopology, joinTopologies } from "../lib/topology.ts";
import { keyOf } from "./fixture.ts";

const chosen = seededChoices();

// Not proved here: a cluster whose members die, real dispatchers and pullers (the lab's chaos compares their counts with the auditor's).

const waitMs = { timeout: 100_000, interval: 50 };
const heavy = { timeout: 240_000 };
const tests = useAgentTests("auditor");
let session: BrokerSession;
let count = 0;
let hostName: string;

beforeEach(async () => {
  count += 1;
  hostName = `test-${count}`;
  session = await tests.connect(
    joinTopologies(deadLetterTopology, { exchanges: [{ name: "cmc", type: "topic" }], queues: [] }),
  );
});

afterEach(async () => {
  await tests.killAgents();
  await session.withChannel((channel) => channel.deleteQueue(auditQueueAt(hostName)));
});

const start = (own: object = {}, process: { fileSizeMax?: number } = {}): TestedAgent =>
  tests.start(
    {
      ...{ broker: tests.brokerSettings, metrics: { port: 0 }, hostName },
      ...{ overdueSeconds: 600, checkMs: 100, commitMs: 50, topologyCheckSeconds: 1, ...own },
    },
    process,
  );

/** Ready, and it has found its queue empty twice. */
async function knowing(agent: TestedAgent): Promise<TestedAgent> {
  await agent.logged({ event: "ready" });
  await expect.poll(() => agent.metric("knows"), waitMs).toBe(1);
  return agent;
}

const nameOf = (product: number) => `${hostName}-${product}`;
const bodyOf = (product: number, urp = "urp-1") =>
  Buffer.from(`${keyOf(nameOf(product))} 7 http://${urp}/ db/${nameOf(product)}`);

/** Each until the broker has confirmed it. */
async function publish(topic: string, body: Buffer, marks: Marks = {}, exchange = "cmc"): Promise<void> {
  const options = { headers: markHeaders(marks), mandatory: false };
  while ((await session.publish(exchange, topic, body, options)) !== "confirmed") await session.ready();
}

async function announce(product: number): Promise<void> {
  await publish("v00.urp.announced", bodyOf(product));
  await publish("v00.urp.announced", bodyOf(product, "urp-2"));
  await publish("v00.urp.notify.a", bodyOf(product));
}

const place = (product: number, host = "pds-1", more: Marks = {}) =>
  publish("v00.urp.pulled", Buffer.from(keyOf(nameOf(product))), { placedMs: Date.now(), host, ...more });

async function flow(products: readonly number[]): Promise<void> {
  for (let at = 0; at < products.length; at += 20) {
    await Promise.all(products.slice(at, at + 20).map((product) => announce(product).then(() => place(product))));
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);
const expectMetric = (agent: TestedAgent, name: string) => expect.poll(() => agent.metric(name), waitMs);

test(
  "each product is announced, dispatched and placed once; a later placing is a repeat",
  async () => {
    const agent = await knowing(start({ radarServers: { "urp-1": ["urp-1"] } }));
    await flow(range(0, 300));
    await expectMetric(agent, "placed_total").toBe(300);
    await place(5, "pds-2");
    await publish("v00.urp.notify.a", bodyOf(6));
    await publish("v00.urp.pulled", Buffer.from(keyOf(nameOf(7))), { before: true, host: "pds-2" });
    await publish("v00.urp.announced", Buffer.from("no announcement"));
    await publish("v00.urp.input.a", bodyOf(7), {}, deadLetterExchange);
    await publish("v00.urp.input.a", Buffer.from("no announcement"), {}, deadLetterExchange);
    await expectMetric(agent, 'dead_letters_total{kind="garbage"}').toBe(1);
    const totals = ["announced", "dispatched", "placed", "repeated", "dispatched_again", "unknown", "overdue"];
    expect(await Promise.all(totals.map((name) => agent.metric(`${name}_total`)))).toEqual([300, 300, 300, 1, 1, 0, 0]);
    expect(await agent.metric('dead_letters_total{kind="product"}')).toBe(1);
    expect(await agent.metric('sightings_total{kind="unreadable"}')).toBe(1);
    expect(await agent.metric("closed_to_placed_seconds_count")).toBe(0);
    expect(await agent.metric("announced_to_placed_seconds_count")).toBe(300);
    expect(await agent.metric('last_announced_time_seconds{host="urp-1"}')).toBeGreaterThan(Date.now() / 1000 - 1000);
    // A busy machine checks late, and then the auditor does not know for a moment.
    const healthy = { ok: true, knows: true, waiting: 0, overdue: 0, connected: true };
    await expect.poll(() => agent.health(), waitMs).toMatchObject(healthy);
    expect(await agent.end()).toEqual([0, null]);
  },
  heavy.timeout,
);

test(
  "kills of the agent and of its connections change no count",
  async () => {
    await knowing(start());
    await tests.killAgents();
    const killed = new KilledAgent(
      () => start(),
      () => chosen(400),
    );
    const cuts = setInterval(() => void tests.broker.evaluate(cutAuditors).catch(() => {}), 1500);
    for (let at = 0; at < 2000; at += 100) await flow(range(at, at + 100));
    clearInterval(cuts);
    const last = await killed.end();
    await expectMetric(last, "placed_total").toBe(2000);
    await expectMetric(last, "knows").toBe(1);
    const totals = ["announced", "dispatched", "repeated", "dispatched_again", "unknown", "overdue"];
    expect(await Promise.all(totals.map((name) => last.metric(`${name}_total`)))).toEqual([2000, 2000, 0, 0, 0, 0]);
    expect(killed.kills).toBeGreaterThan(0);
    console.info(`auditor killed ${killed.kills} times over 8,000 messages: all counts right`);
  },
  heavy.timeout,
);

const cutAuditors = `[rabbit_networking:close_connection(proplists:get_value(pid, C), "test") ||
  C <- rabbit_networking:connection_info_all([pid, client_properties]),
  case lists:keyfind(<<"connection_name">>, 1, proplists:get_value(client_properties, C)) of
    {_, longstr, <<"auditor@", _/binary>>} -> true;
    _ -> false
  end]`.replaceAll("\n", " ");

test(
  "a product without a receipt is overdue, then late; it can be asked for by name",
  async () => {
    const agent = await knowing(start({ overdueSeconds: 2 }));
    await announce(1);
    await expectMetric(agent, "overdue_total").toBe(1);
    expect(await agent.metric("overdue_now")).toBe(1);
    const { metricsPort } = await agent.logged("starting");
    const ask = async (path: string) => (await fetch(`http://127.0.0.1:${metricsPort}${path}`)).json();
    expect(overdueAnswer.parse(await ask("/overdue")).products).toMatchObject([{ key: keyOf(nameOf(1)) }]);
    const byKey = `/products?name=${keyOf(nameOf(1))}`;
    expect(productsAnswer.parse(await ask(byKey)).products).toMatchObject([{ state: "overdue", secondBy: "urp-2" }]);
    await place(1);
    await expectMetric(agent, "late_placed_total").toBe(1);
    expect(await agent.metric("overdue_now")).toBe(0);
  },
  heavy.timeout,
);

test.each([
  ["was deleted", 0],
  ["was full", 60],
])(
  "a product is unknown, not overdue, if meanwhile its queue %s",
  async (_, flood) => {
    const agent = await knowing(start({ overdueSeconds: 2, queueMessagesMax: 100 }));
    await announce(1);
    await expectMetric(agent, "dispatched_total").toBe(1);
    await agent.kill();
    if (flood === 0) await session.withChannel((channel) => channel.deleteQueue(auditQueueAt(hostName)));
    else await flow(range(1000, 1000 + flood));
    const next = await knowing(start({ overdueSeconds: 2, queueMessagesMax: 100 }));
    await expectMetric(next, "unknown_total").toBeGreaterThan(0);
    expect(await next.metric("overdue_total")).toBe(0);
    await announce(2);
    await expectMetric(next, "overdue_total").toBe(1);
  },
  heavy.timeout,
);

test(
  "a product is unknown, not overdue, if meanwhile the connection was lost to brokers that may discard messages",
  async () => {
    const agent = await knowing(start({ brokerMayDiscard: true, overdueSeconds: 20 }));
    await announce(1);
    await expectMetric(agent, "dispatched_total").toBe(1);
    // Takes seconds on a busy machine, and must come before the product is overdue.
    await tests.broker.evaluate(cutAuditors);
    await expectMetric(agent, "unknown_total").toBe(1);
    expect(await agent.metric("overdue_total")).toBe(0);
    await expectMetric(agent, "knows").toBe(1);
  },
  heavy.timeout,
);

test(
  "a queue that is deleted under it, or has another limit, is made new, with a gap",
  async () => {
    const agent = await knowing(start());
    await session.withChannel((channel) => channel.deleteQueue(auditQueueAt(hostName)));
    // The first one was at the start, when the queue was new.
    const gaps = () => agent.lines.filter(({ msg }) => msg === "messages may be missing").length;
    await expect.poll(gaps, waitMs).toBeGreaterThan(1);
    await knowing(agent);
    await flow(range(0, 10));
    await expectMetric(agent, "placed_total").toBe(10);
    await agent.end();
    const other = await knowing(start({ queueMessagesMax: 5000 }));
    await other.logged("the queue has other arguments than configured: made new");
    await flow(range(10, 20));
    await expectMetric(other, "placed_total").toBe(20);
  },
  heavy.timeout,
);

test(
  "an announcement that reaches no dispatcher is still returned to its announcer",
  async () => {
    await knowing(start());
    const outcome = await session.publish("cmc", "v00.urp.input.a", bodyOf(1));
    expect(outcome).toBe("returned");
  },
  heavy.timeout,
);

test(
  "with a full disk nothing is acked and health says so; with room all counts are right",
  async () => {
    // Enough for the empty store and some commits.
    const agent = await knowing(start({}, { fileSizeMax: 200_000 }));
    await flow(range(0, 400));
    await expect.poll(async () => (await agent.health()).fault, waitMs).toBeDefined();
    expect(await agent.metric("placed_total")).toBeLessThan(400);
    expect((await agent.health()).ok).toBe(false);
    agent.roomForFiles();
    await expectMetric(agent, "placed_total").toBe(400);
    await expect.poll(async () => (await agent.health()).ok, waitMs).toBe(true);
  },
  heavy.timeout,
);
