import { pino } from "pino";
import { beforeEach, expect, test, vi } from "vitest";
import { useAgentTests } from "../../tests/rigs/agent-tests.ts";
import { seededChoices } from "../../tests/rigs/seeded.ts";
import { KilledAgent, type TestedAgent } from "../../tests/rigs/tested-agent.ts";
import type { BrokerSession } from "../lib/broker-session.ts";
import { consume } from "../lib/consumer.ts";
import type { Message } from "../lib/subscription.ts";
import { deadLetterQueue, deadLetterTopology, joinTopologies } from "../lib/topology.ts";

const chosen = seededChoices();

const messagesCount = 2000;
/** On an idle machine these take seconds; the limits are for a busy one. */
const waitMs = { timeout: 100_000, interval: 50 };
const log = pino({ level: "silent" });
const base = "http://dd1.weather.gc.ca/";

const tests = useAgentTests("bridge");
let session: BrokerSession;
/** What the client received: the URL, and whether it was marked as a possible repeat. */
let received: { readonly url: string; readonly again: boolean }[] = [];
let dead: Message[] = [];
/** URLs that the test itself may have posted twice, as the broker was killed before it confirmed them. */
const postedAgain = new Set<string>();
let testsCount = 0;
/** Each test has its own queues, so that messages of a failed test don't reach the next. */
let [inQueue, outQueue] = ["", ""];

beforeEach(async () => {
  received = [];
  dead = [];
  postedAgain.clear();
  testsCount += 1;
  [inQueue, outQueue] = [`cmc.bridge.in-${testsCount}`, `cmc.bridge.out-${testsCount}`];
  session = await tests.connect(
    joinTopologies(deadLetterTopology, {
      exchanges: ["cmc", "xpublic"].map((name) => ({ name, type: "topic" })),
      queues: [
        { name: inQueue, bindings: [{ exchange: "xpublic", pattern: "v03.#" }] },
        { name: outQueue, bindings: [{ exchange: "cmc", pattern: "exp.dd.notify.#" }] },
      ],
    }),
  );
  const messageIds = new Set<string | undefined>();
  consume({
    ...{ session, queue: outQueue, prefetch: 200, log, agent: "test" },
    handle: ({ body, marks, messageId }) => {
      // A broker that was killed redelivers unacked messages: they count once.
      if (messageIds.size !== messageIds.add(messageId).size) {
        received.push({ url: body.toString(), again: marks.again === true });
      }
      return "ack";
    },
  });
  consume({
    ...{ session, queue: deadLetterQueue, prefetch: 200, log, agent: "test" },
    handle: (delivery) => {
      dead.push(delivery);
      return "ack";
    },
  });
});

function startBridge(own: object = {}): TestedAgent {
  const config = {
    broker: tests.brokerSettings,
    metrics: { port: 0 },
    queue: inQueue,
    from: { format: "v03", exchange: "xpublic", topicPrefix: "v03" },
    to: [{ format: "exp", exchange: "cmc", topicPrefix: "exp.dd.notify" }],
    ...own,
  };
  return tests.start(config);
}

const post = (relPath: string) => JSON.stringify({ pubTime: "20130606T144700.000", baseUrl: base, relPath, size: 9 });
const pathOf = (count: number) => `radar/S${count % 7}/${count}.gif`;

/** Like a poster: resolves when the broker has confirmed it, however often it was down meanwhile. */
async function publish(body: string, routingKey = "v03.radar"): Promise<void> {
  for (;;) {
    if ((await session.publish("xpublic", routingKey, Buffer.from(body))) === "confirmed") return;
    if (body.startsWith("{")) postedAgain.add(`${base}${JSON.parse(body).relPath}`);
    await session.ready();
  }
}

async function publishAll(): Promise<void> {
  for (let from = 0; from < messagesCount; from += 20) {
    await Promise.all(Array.from({ length: 20 }, (_, index) => publish(post(pathOf(from + index)))));
  }
}

/** Expects every announcement. Repeats must be marked, except those that the test posted twice. Returns the number of repeats. */
async function expectAllReceived(): Promise<number> {
  await vi.waitFor(() => expect(new Set(received.map(({ url }) => url)).size).toBe(messagesCount), waitMs);
  const first = new Set<string>();
  const unmarked = received.filter(({ url, again }) => first.size === first.add(url).size && !again);
  expect(unmarked.filter(({ url }) => !postedAgain.has(url))).toEqual([]);
  return received.length - messagesCount;
}

test("killed at random moments over 2,000 announcements: nothing is lost, and repeats are marked", async () => {
  const killed = new KilledAgent(startBridge, () => 20 + chosen(250));
  await publishAll();
  await vi.waitFor(() => expect(killed.kills).toBeGreaterThan(4), waitMs);
  await killed.end();
  const repeats = await expectAllReceived();
  console.info(
    `bridge killed ${killed.kills} times over ${messagesCount} announcements: 0 lost, ${repeats} repeated, each marked`,
  );
});

test("nothing is lost when the broker is killed and restarted", async () => {
  const agent = startBridge();
  await agent.logged({ event: "ready" });
  await tests.broker.keepDeclared();
  const publishing = publishAll();
  await vi.waitFor(() => expect(received.length).toBeGreaterThan(100), waitMs);
  await tests.broker.kill();
  await tests.broker.start();
  await publishing;
  await expectAllReceived();
  expect(await agent.end()).toEqual([0, null]);
});

test("an invalid announcement is dead-lettered with its reason, and the next ones are bridged", async () => {
  const agent = startBridge();
  await agent.logged({ event: "ready" });
  await publish("garbage");
  await publish(JSON.stringify({ ...JSON.parse(post("radar")), fileOp: { directory: "" } }));
  await publish(post("../../etc/passwd"));
  await publish(post("good"), `v03.${"x".repeat(245)}`);
  await publish(post("radar/good"));
  await vi.waitFor(() => expect(received).toEqual([{ url: `${base}radar/good`, again: false }]), waitMs);
  await vi.waitFor(() => expect(dead).toHaveLength(3), waitMs);
  await vi.waitFor(async () => expect(await agent.metric("passed_over_total")).toBe(1), waitMs);
  expect(await agent.health()).toMatchObject({ agent: "bridge", ok: true, connected: true, blocked: false, done: 1 });
  expect(dead.map(({ headers }) => headers["x-dead-reason"]).sort()).toEqual([
    "body is not JSON",
    'path has a ".." part: "../../etc/passwd"',
    "routing key would have 259 bytes, but at most 255 fit",
  ]);
});

test("while the broker has an alarm announcements wait, and are bridged when it ends", async () => {
  const agent = startBridge();
  await agent.logged({ event: "ready" });
  // The alarm blocks publishers only after this announcement is in the queue.
  let published: Promise<void> | undefined;
  await tests.broker.withMemoryAlarm(async () => {
    published = publish(post("radar/held"));
    await vi.waitFor(() => expect(session.state).toBe("blocked"), waitMs);
  });
  await published;
  await vi.waitFor(() => expect(received.map(({ url }) => url)).toEqual([`${base}radar/held`]), waitMs);
});
