import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "amqplib";
import { UserError } from "../../agents/lib/errors.ts";
import { poll } from "../../scripts/lib/poll.ts";
import { listNames, type ReceiverFolder, watchFolders } from "../../scripts/traffic/receivers.ts";
import type { Cleanup } from "../rigs/cleanup.ts";
import type { PythonInstallation } from "../sr3/installation.ts";
import { consumerSettings, receiverSettings, Sr3, type Sr3Process, sr3AddressOf } from "../sr3/program.ts";
import type { BenchPlace } from "./place.ts";
import type { PullProducts } from "./pull-products.ts";
import { announceAll, type Pulling, setAside, Usage } from "./pullers.ts";

const stalledAfterMs = 120_000;
const listEveryMs = 1000;

/** sr3's `subscribe`, with its fastest settings, that share a queue; each has a folder. They keep running, as pullers do. */
export class Sr3Pullers {
  readonly #place: BenchPlace;
  readonly #exchange: string;
  readonly #folders: readonly ReceiverFolder[];
  readonly #running: readonly Sr3Process[];

  private constructor(
    place: BenchPlace,
    exchange: string,
    folders: readonly ReceiverFolder[],
    running: readonly Sr3Process[],
  ) {
    this.#place = place;
    this.#exchange = exchange;
    this.#folders = folders;
    this.#running = running;
  }

  static async start(
    place: BenchPlace,
    installation: PythonInstallation,
    options: { readonly count: number; readonly prefetch: number },
    cleanup: Cleanup,
  ): Promise<Sr3Pullers> {
    const { count, prefetch } = options;
    const exchange = `bench-sr3-${prefetch}`;
    await place.admin.assertExchange(exchange, "topic", { durable: true });
    const directory = join(place.directory, exchange);
    const sr3 = new Sr3(installation, directory, place.broker.url);
    cleanup.add(() => sr3.killAll());
    const broker = sr3AddressOf(place.broker);
    const names = Array.from({ length: count }, (_, index) => `pds-${index + 1}`);
    const folders = names.map((pds) => ({ pds, directory: join(directory, pds) }));
    for (const folder of folders) {
      await mkdir(folder.directory);
      sr3.configure("subscribe", folder.pds, [
        ...consumerSettings({ broker, exchange, topicPrefix: "v03", queue: exchange, prefetch }),
        ...receiverSettings(folder.directory),
      ]);
    }
    const running = names.map((name) => sr3.start("subscribe", name));
    await Promise.all(running.map((one) => one.logged(/registered consumer/)));
    return new Sr3Pullers(place, exchange, folders, running);
  }

  /** As `Pullers.pull`; the clock runs to the arrival of the last file, because sr3 sends no receipts. */
  async pull(products: PullProducts, count: number, baseUrl: string): Promise<Pulling> {
    const arrived = new Set<string>();
    const all = Promise.withResolvers<number>();
    const onName = (_pds: string, name: string): void => {
      if (name.endsWith(".tmp") || name.startsWith(".")) return;
      arrived.add(name);
      if (arrived.size === count) all.resolve(performance.now());
    };
    const unwatch = watchFolders(this.#folders, onName);
    // Events of folder watches may be lost.
    const list = async () => {
      for (const { pds, file } of await listNames(this.#folders, () => true)) onName(pds, file);
      return arrived.size === count;
    };
    try {
      const usage = new Usage(this.#running, this.#place.broker);
      const messages = Array.from({ length: count }, (_, product) =>
        products.announcementOf("sr3", product, baseUrl, "v03"),
      );
      await announceAll(this.#place.admin, this.#exchange, "v03.radar", messages);
      const listed = poll(list, { everyMs: listEveryMs, withinMs: stalledAfterMs });
      await Promise.race([all.promise, listed]);
      if (arrived.size < count) throw new UserError("sr3", `of ${count} files only ${arrived.size} arrived`);
      const pulling = usage.of(count, await all.promise);
      await listed;
      await products.check(
        "sr3",
        count,
        this.#folders.map(({ directory }) => directory),
      );
      return pulling;
    } finally {
      unwatch();
      for (const { directory } of this.#folders) await setAside(directory);
    }
  }
}

/** Consumers that only ack, each with a connection of its own: the broker's bound. */
export class BareConsumers {
  readonly #place: BenchPlace;
  readonly #exchange: string;
  #left = 0;
  #done = Promise.withResolvers<number>();

  private constructor(place: BenchPlace, exchange: string) {
    this.#place = place;
    this.#exchange = exchange;
  }

  static async start(
    place: BenchPlace,
    { count, prefetch }: { readonly count: number; readonly prefetch: number },
    cleanup: Cleanup,
  ): Promise<BareConsumers> {
    const name = `bench-bare-${prefetch}`;
    await place.admin.assertExchange(name, "topic", { durable: true });
    await place.admin.assertQueue(name, { durable: true });
    await place.admin.bindQueue(name, name, "#");
    const consumers = new BareConsumers(place, name);
    for (let index = 0; index < count; index++) {
      const connection = await connect(place.broker.url);
      cleanup.add(() => connection.close());
      const channel = await connection.createChannel();
      await channel.prefetch(prefetch);
      await channel.consume(name, (message) => {
        if (!message) return;
        channel.ack(message);
        if (--consumers.#left === 0) consumers.#done.resolve(performance.now());
      });
    }
    return consumers;
  }

  async pull(products: PullProducts, count: number, baseUrl: string): Promise<Pulling> {
    this.#left = count;
    this.#done = Promise.withResolvers();
    const usage = new Usage([], this.#place.broker);
    const messages = Array.from({ length: count }, (_, product) => products.announcementOf("bare", product, baseUrl));
    await announceAll(this.#place.admin, this.#exchange, "bare", messages);
    return usage.of(count, await this.#done.promise);
  }
}
