import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChannelModel, connect } from "amqplib";
import { pino } from "pino";
import { expect } from "vitest";
import { type Config, configSchema } from "../../agents/dispatcher/config.ts";
import { topologyOf } from "../../agents/dispatcher/topology.ts";
import { type BrokerSession, openBrokerSession } from "../../agents/lib/broker-session.ts";
import { brokerConfig } from "../../agents/lib/config.ts";
import { type Consumer, consume } from "../../agents/lib/consumer.ts";
import type { Delivery } from "../../agents/lib/subscription.ts";
import { deadLetterQueue } from "../../agents/lib/topology.ts";
import { type LocalBroker, startLocalBroker } from "../lib/local-broker.ts";
import { type Load, startLoad } from "./load.ts";
import { DispatcherProcess } from "./process.ts";

// For tests: a real broker, dispatchers as processes of their own, an announcer and a puller that keep count.

const log = pino({ level: "silent" });
const topic = "20150120.RADAR.URP.IWA";

type Channel = Awaited<ReturnType<ChannelModel["createChannel"]>>;

/** A broker and a folder, for one file of tests. */
export class Rig {
  readonly broker: LocalBroker;
  readonly folder: string;
  #places = 0;

  static async start(): Promise<Rig> {
    const broker = await startLocalBroker();
    const folder = await mkdtemp(join(tmpdir(), "warren-dispatcher-"));
    await writeFile(join(folder, "password"), broker.adminPassword);
    return new Rig(broker, folder);
  }

  private constructor(broker: LocalBroker, folder: string) {
    this.broker = broker;
    this.folder = folder;
  }

  get brokerSettings() {
    return {
      hosts: [`127.0.0.1:${this.broker.amqpPort}`],
      user: this.broker.adminUser,
      passwordFile: join(this.folder, "password"),
      reconnectDelayMaxMs: 500,
    };
  }

  /** Exchange and queues of their own, for one test. */
  async place(): Promise<Place> {
    const place = new Place(this, `t${++this.#places}`);
    await place.open();
    return place;
  }

  /** Somebody else changes the broker. */
  async meddle(how: (channel: Channel) => unknown): Promise<void> {
    const connection = await connect(this.broker.url);
    const channel = await connection.createChannel();
    await how(channel);
    // Closed with its channel still open, a connection may take along what the channel has not handled.
    await channel.close();
    await connection.close();
  }

  async stop(): Promise<void> {
    await this.broker.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** What the puller got of one product: message ids, so that a message given out twice is none sent twice. */
interface Pulled {
  readonly messageIds: Set<string>;
  readonly deliveries: Delivery[];
}

/** One test's exchange and queues, with an announcer and a puller. */
export class Place {
  readonly name: string;
  readonly pulled = new Map<string, Pulled>();
  /** What came under the twin topic, by key. */
  readonly twins = new Map<string, Delivery[]>();
  readonly dispatchers: DispatcherProcess[] = [];
  readonly #rig: Rig;
  #session!: BrokerSession;
  #consumer: Consumer | undefined;
  #sendsReceipts = true;
  #progress = Promise.withResolvers<void>();

  /** Resolves when the puller has got something more. */
  get progress(): Promise<void> {
    return this.#progress.promise;
  }

  constructor(rig: Rig, name: string) {
    this.#rig = rig;
    this.name = name;
  }

  get session(): BrokerSession {
    return this.#session;
  }

  get inputQueue(): string {
    return `cmc.${this.name}.urp.input`;
  }

  get pullQueue(): string {
    return `cmc.${this.name}.urp.pull`;
  }

  settings(host: string, own: object = {}): Config {
    return configSchema.parse({
      broker: this.#rig.brokerSettings,
      metrics: { port: 0 },
      exchange: `cmc.${this.name}`,
      inputQueue: this.inputQueue,
      outputQueues: [this.pullQueue],
      hostName: `${this.name}-${host}`,
      shutdownTimeoutMs: 5000,
      ...own,
    });
  }

  async open(): Promise<void> {
    const config = brokerConfig.parse(this.#rig.brokerSettings);
    // As announcers and pullers do: nothing is lost before the first dispatcher comes. A ledger is the dispatcher's alone.
    const { exchanges, queues } = topologyOf(this.settings("none"));
    const topology = { exchanges, queues: queues.filter(({ name }) => !name.includes(".ledger.")) };
    this.#session = openBrokerSession({ config, log, name: "test", topology });
    await this.#session.ready();
    this.startPuller();
  }

  startPuller(): void {
    const [session, queue] = [this.#session, this.pullQueue];
    const handle = (delivery: Delivery) => this.#pull(delivery);
    this.#consumer = consume({ session, queue, prefetch: 200, log, agent: "test", handle });
  }

  async stopPuller(): Promise<void> {
    await this.#consumer?.cancel();
    this.#consumer = undefined;
  }

  withholdReceipts(): void {
    this.#sendsReceipts = false;
  }

  #pull(delivery: Delivery): "ack" {
    const { routingKey, messageId = "", body, timestampSeconds } = delivery;
    const key = body.toString("latin1", 0, 32);
    if (routingKey.startsWith("v00.urp.twin.")) {
      this.twins.set(key, [...(this.twins.get(key) ?? []), delivery]);
    } else {
      const pulled = this.pulled.get(key) ?? { messageIds: new Set(), deliveries: [] };
      this.pulled.set(key, pulled);
      if (!pulled.messageIds.has(messageId)) pulled.deliveries.push(delivery);
      pulled.messageIds.add(messageId);
    }
    if (this.#sendsReceipts) {
      const time = timestampSeconds === undefined ? {} : { timestampSeconds };
      void this.#session.publish(`cmc.${this.name}`, "v00.urp.pulled", Buffer.from(key), { mandatory: false, ...time });
    }
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
    return "ack";
  }

  /** A dispatcher on a host of that name; started again with the same name it has the same ledger and state folder. */
  async dispatcher(host = "a", own: object = {}, fileSizeMax?: number): Promise<DispatcherProcess> {
    const folder = join(this.#rig.folder, this.name, host);
    await mkdir(folder, { recursive: true });
    const file = join(folder, "dispatcher.json");
    await writeFile(file, JSON.stringify(this.settings(host, own)));
    const process = new DispatcherProcess(file, join(folder, "state"), fileSizeMax);
    this.dispatchers.push(process);
    await process.logged("ready");
    return process;
  }

  /** Announces as the announcer does: again until the broker has confirmed. */
  async announce(body: Buffer, routingKey = `v00.urp.input.${topic}`, headers: Record<string, unknown> = {}) {
    for (;;) {
      await this.#session.ready();
      if ((await this.#session.publish(`cmc.${this.name}`, routingKey, body, { headers })) === "confirmed") return;
    }
  }

  announcement(urp: 1 | 2, number: number): { key: string; body: Buffer } {
    const product = `${this.name}-${number}~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META`;
    const key = createHash("md5").update(product).digest("hex");
    const url = `http://urp-${urp}.cmc.ec.gc.ca/ db/20150120/RADAR/URP/IWA/${product}::2015012018090${urp}`;
    return { key, body: Buffer.from(`${key} ${498_080 + urp} ${url}`) };
  }

  /** The first of both radar servers' announcements of `count` products, and all their keys. */
  async announceFirst(count: number, from = 0): Promise<string[]> {
    const all = Array.from({ length: count }, (_, index) => this.announcement(1, from + index));
    await Promise.all(all.map(({ body }) => this.announce(body)));
    return all.map(({ key }) => key);
  }

  async announceTwins(count: number, from = 0): Promise<void> {
    await Promise.all(
      Array.from({ length: count }, (_, index) => this.announce(this.announcement(2, from + index).body)),
    );
  }

  load(): Load {
    return startLoad(this);
  }

  /** Resolves when the puller has got at least one message of each. */
  async allOut(keys: readonly string[]): Promise<void> {
    while (keys.some((key) => !this.pulled.has(key))) await this.#progress.promise;
  }

  /** Resolves when the puller has got so many products more. */
  async more(products: number): Promise<void> {
    const enough = this.pulled.size + products;
    while (this.pulled.size < enough) await this.#progress.promise;
  }

  /** Products of which two different messages came. */
  get repeated(): number {
    return [...this.pulled.values()].filter(({ messageIds }) => messageIds.size > 1).length;
  }

  /** Of those, the ones of which no further message said that it was in doubt. */
  get repeatedUnmarked(): number {
    return [...this.pulled.values()].filter(
      ({ deliveries }) => deliveries.filter(({ headers }) => headers["x-warren-doubt"] === undefined).length > 1,
    ).length;
  }

  /** The dispatcher that was started last, perhaps not ready yet. */
  async newest(): Promise<DispatcherProcess> {
    let newest = this.dispatchers.at(-1);
    for (; !newest; newest = this.dispatchers.at(-1)) await new Promise((resolve) => setImmediate(resolve));
    return newest;
  }

  /** Takes so many dead letters off their queue. */
  async deadLetters(count: number): Promise<{ reason: unknown; body: string }[]> {
    const aside: { reason: unknown; body: string }[] = [];
    const all = Promise.withResolvers<void>();
    const reader = consume({
      ...{ session: this.#session, queue: deadLetterQueue, prefetch: 10, log, agent: "test" },
      handle: ({ headers, body }) => {
        aside.push({ reason: headers["x-dead-reason"], body: body.toString() });
        if (aside.length === count) all.resolve();
        return "ack";
      },
    });
    await all.promise;
    await reader.cancel();
    return aside;
  }

  /** Messages in the queue. Exact once no consumer is there: what one held unacked is back then. */
  async count(queue: string): Promise<number> {
    let count = 0;
    await this.#rig.meddle(async (channel) => {
      count = (await channel.checkQueue(queue)).messageCount;
    });
    return count;
  }

  /** It ends well, and the input queue is empty: everything was settled. */
  async endWell(dispatcher: DispatcherProcess): Promise<void> {
    expect(await dispatcher.end()).toEqual([0, null]);
    expect(await this.count(this.inputQueue)).toBe(0);
  }

  /** What is declared reaches the broker's disk up to two seconds later, and would be lost when it is killed before. */
  async declaredOnDisk(): Promise<void> {
    await this.#rig.broker.evaluate("mnesia:dump_log()");
  }

  async close(): Promise<void> {
    await Promise.all(this.dispatchers.map((dispatcher) => dispatcher.kill()));
    await this.#session.close();
  }
}
