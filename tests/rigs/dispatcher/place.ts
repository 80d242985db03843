import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { expect } from "vitest";
import { type Config, configSchema } from "../../../agents/dispatcher/config.ts";
import { topologyOf } from "../../../agents/dispatcher/topology.ts";
import { type BrokerSession, openBrokerSession } from "../../../agents/lib/broker-session.ts";
import { brokerConfig } from "../../../agents/lib/config.ts";
import { type Consumer, consume } from "../../../agents/lib/consumer.ts";
import type { Message } from "../../../agents/lib/subscription.ts";
import { deadLetterQueue } from "../../../agents/lib/topology.ts";
import { type Load, startLoad } from "./load.ts";
import { DispatcherProcess } from "./process.ts";
import type { Rig } from "./rig.ts";

const log = pino({ level: "silent" });
const topic = "20150120.RADAR.URP.IWA";

/** The puller's messages of a product. Message ids tell a redelivery from a second publish. */
interface Pulled {
  readonly messageIds: Set<string>;
  readonly deliveries: Message[];
}

/** One test's exchange and queues, with an announcer and a puller. */
export class Place {
  readonly name: string;
  readonly pulled = new Map<string, Pulled>();
  /** Messages with the twin topic, by key. */
  readonly twins = new Map<string, Message[]>();
  readonly dispatchers: DispatcherProcess[] = [];
  readonly #loads: Load[] = [];
  readonly #rig: Rig;
  #session!: BrokerSession;
  #consumer: Consumer | undefined;
  #sendsReceipts = true;
  #progress = Promise.withResolvers<void>();

  /** Resolves when the puller gets another message. */
  get progress(): Promise<void> {
    return this.#progress.promise;
  }

  static async open(rig: Rig): Promise<Place> {
    const place = new Place(rig);
    await place.#open();
    return place;
  }

  private constructor(rig: Rig) {
    this.#rig = rig;
    this.name = rig.nextName();
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
      // For a busy machine.
      shutdownTimeoutMs: 60_000,
      ...own,
    });
  }

  async #open(): Promise<void> {
    const config = brokerConfig.parse(this.#rig.brokerSettings);
    // As announcers and pullers do, so that nothing is lost before the first dispatcher starts. Only dispatchers declare ledgers.
    const { exchanges, queues } = topologyOf(this.settings("none"));
    const topology = { exchanges, queues: queues.filter(({ name }) => !name.includes(".ledger.")) };
    this.#session = openBrokerSession({ config, log, name: "test", topology });
    await this.#session.ready();
    this.startPuller();
  }

  startPuller(): void {
    const [session, queue] = [this.#session, this.pullQueue];
    const handle = (delivery: Message) => this.#pull(delivery);
    this.#consumer = consume({ session, queue, prefetch: 200, log, agent: "test", handle });
  }

  async stopPuller(): Promise<void> {
    await this.#consumer?.cancel();
    this.#consumer = undefined;
  }

  withholdReceipts(): void {
    this.#sendsReceipts = false;
  }

  #pull(delivery: Message): "ack" {
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

  /** Starts a dispatcher on a host of that name. A restart with the same name has the same ledger and state folder. */
  async dispatcher(host = "a", own: object = {}, fileSizeMax?: number): Promise<DispatcherProcess> {
    const folder = join(this.#rig.folder, this.name, host);
    await mkdir(folder, { recursive: true });
    const file = join(folder, "dispatcher.json");
    await writeFile(file, JSON.stringify(this.settings(host, own)));
    const process = new DispatcherProcess(file, join(folder, "state"), fileSizeMax);
    this.dispatchers.push(process);
    await process.logged({ event: "ready" });
    return process;
  }

  /** Announces as the announcer does: repeats until the broker confirms. */
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

  /** The first radar server's announcements of `count` products, and all keys. */
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
    const load = startLoad(this);
    this.#loads.push(load);
    return load;
  }

  /** Resolves when the puller has at least one message of each. */
  async allOut(keys: readonly string[]): Promise<void> {
    while (keys.some((key) => !this.pulled.has(key))) await this.#progress.promise;
  }

  /** Resolves when the puller has `count` more products. */
  async more(products: number): Promise<void> {
    const enough = this.pulled.size + products;
    while (this.pulled.size < enough) await this.#progress.promise;
  }

  /** Products with two different messages. */
  get repeated(): number {
    return this.#repeatedProducts().length;
  }

  /** Those of them whose later messages weren't marked as unconfirmed. */
  get repeatedUnmarked(): number {
    return [...this.pulled.values()].filter(
      ({ deliveries }) => deliveries.filter(({ marks }) => marks.doubt === undefined).length > 1,
    ).length;
  }

  /** For a failed test: the messages of the first repeated products, with their marks and times. */
  get repeats(): string {
    const some = this.#repeatedProducts().slice(0, 3);
    const lines = some.flatMap(([key, { deliveries }]) =>
      deliveries.map(({ messageId, timestampSeconds, redelivered, marks }) =>
        JSON.stringify({ key, messageId, timestampSeconds, redelivered, marks }),
      ),
    );
    return lines.join("\n");
  }

  #repeatedProducts(): [key: string, Pulled][] {
    return [...this.pulled].filter(([, { messageIds }]) => messageIds.size > 1);
  }

  /** The dispatcher started last, which may not be ready yet. */
  async newest(): Promise<DispatcherProcess> {
    let newest = this.dispatchers.at(-1);
    for (; !newest; newest = this.dispatchers.at(-1)) await new Promise((resolve) => setImmediate(resolve));
    return newest;
  }

  /** Consumes `count` dead letters. */
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

  /** Messages in the queue. Exact without consumers, when all unacked messages are requeued. */
  async count(queue: string): Promise<number> {
    let count = 0;
    await this.#rig.meddle(async (channel) => {
      count = (await channel.checkQueue(queue)).messageCount;
    });
    return count;
  }

  /** Stops the dispatcher when it has settled everything: it would requeue undecided announcements. Expects exit code 0. */
  async endWell(dispatcher: DispatcherProcess): Promise<void> {
    await this.settled();
    expect(await dispatcher.end()).toEqual([0, null]);
    expect(await this.count(this.inputQueue)).toBe(0);
  }

  /** Resolves when the input queue has no ready and no unacknowledged announcements. */
  async settled(): Promise<void> {
    await expect.poll(() => this.#rig.broker.messagesIn(this.inputQueue), { timeout: 100_000 }).toBe(0);
  }

  async close(): Promise<void> {
    await Promise.all(this.dispatchers.map((dispatcher) => dispatcher.kill()));
    // In a failed test, outstanding announcements fail with the session.
    const loads = this.#loads.map((load) => load.stop());
    await this.#session.close();
    await Promise.allSettled(loads);
  }
}
