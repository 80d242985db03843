import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { expect, it } from "vitest";
import { type BrokerSession, openBrokerSession } from "../../agents/lib/broker-session.ts";
import { brokerConfig, tlsScheme } from "../../agents/lib/config.ts";
import { consume } from "../../agents/lib/consumer.ts";
import { passwordOf, type StackConfig } from "../../infra/config/index.ts";
import { traitsOf } from "../../infra/config/series.ts";
import { operatorCaPath } from "../../scripts/engine/operator-ca.ts";
import { brokerVirtualIp } from "../../scripts/lab/virtual-ip.ts";
import { untilHealthy, withChannel } from "./broker.ts";
import { note } from "./figures.ts";
import { part } from "./one-lab.ts";
import { lab, on, stackConfig, until } from "./subject.ts";

const messages = 10_000;
/** So that messages are on their way whenever a node dies; the last tenth goes out when all have died. */
const perSecond = 150;
const whileNodesDie = messages * 0.9;
const exchange = "cmc";
const key = "survive.message";

/** One queue is emptied while nodes die, the other is looked at when all is over. */
const queues = { taken: "cmc.survive.taken", kept: "cmc.survive.kept" } as const;

export function messagesSurvive(): void {
  part(`${messages} messages that the broker has confirmed`, () => {
    it("are all there when every node has died by kill -9, one after the other, and clients went on meanwhile", async () => {
      const config = await stackConfig();
      const folder = await mkdtemp(join(tmpdir(), "warren-survive-"));
      await untilHealthy();
      const clients = await openClients(config, folder);
      try {
        await Promise.all([clients.publisher.ready(), clients.consumer.ready()]);
        const taken = collect(clients.consumer, queues.taken);
        const publishing = startPublishing(clients.publisher);
        for (const host of config.brokers[config.announcements.broker]?.members ?? []) {
          const before = publishing.confirmed.size;
          await until("messages are confirmed", 30_000, async () => publishing.confirmed.size > before);
          await on(host, "kill -9 $(pgrep -x beam.smp)");
          // Its own management API is silent now: the cluster is whole no sooner than this node is back and in step.
          await untilHealthy();
        }
        const { confirmed, longestPauseMs } = await publishing.finish();
        expect(confirmed).toHaveLength(messages);
        const kept = collect(clients.consumer, queues.kept);
        const count = (set: ReadonlySet<number>) => confirmed.filter((id) => set.has(id)).length;
        const complete = async () => count(taken.ids) === messages && count(kept.ids) === messages;
        await until("every message is read", 60_000, complete).catch(() => {});
        note("messages kept through kill -9 of each node", `${count(kept.ids)}`, `${messages}`);
        note("messages taken meanwhile", `${count(taken.ids)}`, `${messages}`);
        note("longest pause of a publisher", `${(longestPauseMs / 1000).toFixed(1)} s`);
        note("messages taken more than once", `${taken.deliveries - taken.ids.size}`);
        expect({ kept: count(kept.ids), taken: count(taken.ids) }).toEqual({ kept: messages, taken: messages });
      } finally {
        await Promise.all([clients.publisher.close(), clients.consumer.close()]);
        await withChannel(async (channel) => {
          for (const queue of Object.values(queues)) await channel.deleteQueue(queue);
        });
        await rm(folder, { recursive: true });
      }
    }, 400_000);
  });
}

/** The agents' own sessions, with what an agent would have in its config: the virtual IP, then each member. */
async function openClients(config: StackConfig, folder: string) {
  const broker = config.brokers[config.announcements.broker];
  if (!broker) throw new TypeError("the stack has no broker");
  const { address, port, secure } = brokerVirtualIp(config);
  const addresses = [address, ...broker.members.map((member) => config.hosts[member]?.address ?? member)];
  const passwordFile = join(folder, "password");
  await writeFile(passwordFile, passwordOf(config, "feeder"), { mode: 0o600 });
  const settings = brokerConfig.parse({
    hosts: addresses.map((each) => `${secure ? tlsScheme : ""}${each}:${port}`),
    ...(secure ? { tls: { caFile: operatorCaPath(lab) } } : {}),
    queueType: traitsOf(broker.series).replication === "quorum" ? "quorum" : "classic",
    user: "feeder",
    passwordFile,
  });
  const topology = {
    exchanges: [{ name: exchange, type: "topic" as const }],
    queues: Object.values(queues).map((name) => ({ name, bindings: [{ exchange, pattern: key }] })),
  };
  const log = pino({ level: "silent" });
  const open = (name: string) => openBrokerSession({ config: settings, log, name, topology });
  return { publisher: open("survive-publisher"), consumer: open("survive-consumer") };
}

/** Numbers from a queue, each acked. */
function collect(session: BrokerSession, queue: string) {
  const seen = { ids: new Set<number>(), deliveries: 0 };
  consume({
    session,
    queue,
    prefetch: 500,
    log: pino({ level: "silent" }),
    agent: "survive",
    handle: ({ body }) => {
      seen.ids.add(Number(body.toString()));
      seen.deliveries += 1;
      return "ack";
    },
  });
  return seen;
}

/** Publishes numbers at a steady pace; each again until the broker has confirmed it. */
function startPublishing(session: BrokerSession) {
  const confirmed = new Set<number>();
  const working = new Set<Promise<void>>();
  let next = 0;
  let lastMs = performance.now();
  let longestPauseMs = 0;
  const publish = async (id: number): Promise<void> => {
    for (;;) {
      await session.ready();
      await session.writable();
      if ((await session.publish(exchange, key, Buffer.from(String(id)))) === "confirmed") break;
      await sleep(50);
    }
    confirmed.add(id);
    longestPauseMs = Math.max(longestPauseMs, performance.now() - lastMs);
    lastMs = performance.now();
  };
  const begin = () => {
    const work = publish(next++).finally(() => working.delete(work));
    working.add(work);
  };
  const timer = setInterval(() => {
    if (next < whileNodesDie) begin();
    else lastMs = performance.now();
  }, 1000 / perSecond);
  return {
    confirmed,
    async finish() {
      clearInterval(timer);
      while (next < messages) begin();
      await Promise.all(working);
      return { confirmed: [...confirmed], longestPauseMs };
    },
  };
}
