import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rename, truncate } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Channel, ConsumeMessage } from "amqplib";
import type * as z from "zod";
import type { WireMessage } from "../../agents/lib/announcement.ts";
import type { BrokerSession } from "../../agents/lib/broker-session.ts";
import { notifyTopicDefault, pulledTopicDefault } from "../../agents/lib/dispatch-topics.ts";
import { UserError } from "../../agents/lib/errors.ts";
import { markHeaders, readHeaders } from "../../agents/lib/headers.ts";
import { receiptsIn } from "../../agents/lib/receipts.ts";
import { configSchema } from "../../agents/puller/config.ts";
import { topologyOf } from "../../agents/puller/topology.ts";
import { AgentProcess } from "../rigs/agent-process.ts";
import type { Cleanup } from "../rigs/cleanup.ts";
import { keyOf, topicTail } from "./pairs.ts";
import type { BenchPlace } from "./place.ts";
import type { PullProducts } from "./pull-products.ts";
import { cpuSeconds, residentBytes } from "./usage.ts";

const exchange = configSchema.shape.exchange.parse(undefined);
const stalledAfterMs = 120_000;

/** Cost of pulling the products of one run. */
export interface Pulling {
  readonly filesPerSecond: number;
  /** Microseconds of CPU time for each file: of all pullers together, and of the broker. */
  readonly pullerMicroseconds: number;
  readonly brokerMicroseconds: number;
  /** Of all pullers together, at the end. */
  readonly residentBytes: number;
}

/** The clock, and the processor time of processes, from its creation on. */
export class Usage {
  readonly #processes: readonly { readonly pid: number | undefined }[];
  readonly #broker: { readonly pid: number | undefined };
  readonly #beganMs = performance.now();
  readonly #pullersBefore: number;
  readonly #brokerBefore: number;

  constructor(
    processes: readonly { readonly pid: number | undefined }[],
    broker: { readonly pid: number | undefined },
  ) {
    this.#processes = processes;
    this.#broker = broker;
    this.#pullersBefore = this.#sum(processes, cpuSeconds);
    this.#brokerBefore = this.#sum([broker], cpuSeconds);
  }

  of(count: number, endedMs: number): Pulling {
    const each = (seconds: number): number => (seconds / count) * 1e6;
    return {
      filesPerSecond: (count * 1000) / (endedMs - this.#beganMs),
      pullerMicroseconds: each(this.#sum(this.#processes, cpuSeconds) - this.#pullersBefore),
      brokerMicroseconds: each(this.#sum([this.#broker], cpuSeconds) - this.#brokerBefore),
      residentBytes: this.#sum(this.#processes, residentBytes),
    };
  }

  #sum(processes: readonly { readonly pid: number | undefined }[], of: (pid: number) => number): number {
    return processes.reduce((sum, { pid }) => sum + (pid === undefined ? 0 : of(pid)), 0);
  }
}

/** Publishes persistent messages to an exchange, as fast as the broker takes them. */
export async function announceAll(
  channel: Channel,
  exchange: string,
  routingKey: string,
  messages: readonly WireMessage[],
): Promise<void> {
  for (const { body, headers, contentType } of messages) {
    if (!channel.publish(exchange, routingKey, body, { headers, contentType, persistent: true }))
      await once(channel, "drain");
  }
}

export interface PullersOptions {
  readonly count: number;
  readonly prefetch: number;
}

/** Pullers that share one queue, each with a folder. As in production, they keep running. */
export class Pullers {
  readonly #place: BenchPlace;
  readonly #signal: AbortSignal;
  readonly #agents: readonly AgentProcess[];
  readonly #folders: readonly string[];
  readonly #session: BrokerSession;
  /** Products of the run without a receipt, by key. */
  readonly #awaited = new Set<string>();
  #strange = 0;
  /** Of the last product, as its receipt says; milliseconds since 1970. */
  #placedMs = 0;
  #done = Promise.withResolvers<void>();

  private constructor(place: BenchPlace, { count, prefetch }: PullersOptions, signal: AbortSignal) {
    this.#place = place;
    this.#signal = signal;
    const names = Array.from({ length: count }, (_, index) => `pds-${index + 1}`);
    this.#folders = names.map((name) => join(place.directory, `rxq-${name}`));
    this.#agents = names.map((name, index) => {
      const receiverQueueDirectory = this.#folders[index] ?? "";
      const config: z.input<typeof configSchema> = {
        broker: place.brokerSettings,
        metrics: { port: 0 },
        receiverQueueDirectory,
        prefetch,
      };
      return new AgentProcess({ name, agent: "puller", config }, place.directory);
    });
    // Pullers declare this queue themselves.
    this.#session = place.open("bench-announcing", topologyOf(configSchema.parse(this.#agents[0]?.spec.config)));
  }

  static async start(
    place: BenchPlace,
    options: PullersOptions,
    signal: AbortSignal,
    cleanup: Cleanup,
  ): Promise<Pullers> {
    const pullers = new Pullers(place, options, signal);
    for (const folder of pullers.#folders) await mkdir(folder, { recursive: true });
    for (const agent of pullers.#agents) cleanup.add(() => agent.stop());
    await pullers.#session.ready(signal);
    await Promise.all(pullers.#agents.map((agent) => agent.start()));
    const queue = await pullers.#hear();
    cleanup.add(() => place.admin.deleteQueue(queue));
    return pullers;
  }

  /**
   * Announces the first `count` products of a server at once, as a dispatcher does, and waits until each has a receipt. The clock runs from the
   * first announcement until the last product was placed. Folders are empty again afterwards.
   *
   * @throws UserError unless each was placed once and complete
   */
  async pull(run: string, products: PullProducts, count: number, baseUrl: string): Promise<Pulling> {
    for (let product = 0; product < count; product++) this.#awaited.add(keyOf(run, product));
    this.#done = Promise.withResolvers();
    this.#strange = 0;
    this.#placedMs = 0;
    const messages = Array.from({ length: count }, (_, product) => products.announcementOf(run, product, baseUrl));
    const timestampSeconds = Math.floor(Date.now() / 1000);
    const marks = markHeaders({ joined: true });
    const usage = new Usage(this.#agents, this.#place.broker);
    for (const { body, headers, contentType } of messages) {
      if (!this.#session.isWritable) await this.#session.writable();
      const options = { headers: { ...headers, ...marks }, contentType: contentType ?? "text/plain", timestampSeconds };
      this.#session.send(exchange, `${notifyTopicDefault}.${topicTail}`, body, options, () => {});
    }
    await this.#complete();
    const pulling = usage.of(count, this.#placedMs - performance.timeOrigin);
    if (this.#strange > 0) throw new UserError("pullers", `${this.#strange} products were placed again`);
    await products.check("pullers", count, this.#folders);
    for (const folder of this.#folders) await setAside(folder);
    return pulling;
  }

  /** Consumes the receipts, as the dispatchers do. */
  async #hear(): Promise<string> {
    const { admin } = this.#place;
    const { queue } = await admin.assertQueue("", { exclusive: true, durable: false });
    await admin.bindQueue(queue, exchange, pulledTopicDefault);
    const onReceipt = (message: ConsumeMessage | null): void => {
      if (!message) return;
      const common = readHeaders(message.properties.headers).marks;
      const received = { body: message.content, marks: common, messageId: undefined, timestampSeconds: undefined };
      for (const { body, marks } of receiptsIn(received)) {
        if (!this.#awaited.delete(body.toString("latin1")) || marks.placedMs === undefined) this.#strange += 1;
        this.#placedMs = Math.max(this.#placedMs, marks.placedMs ?? 0);
      }
      if (this.#awaited.size === 0) this.#done.resolve();
    };
    await admin.consume(queue, onReceipt, { noAck: true });
    return queue;
  }

  async #complete(): Promise<void> {
    const failed = this.#agents.map((agent) => agent.failed);
    for (let before = -1; this.#awaited.size > 0; ) {
      const left = this.#awaited.size;
      if (left === before)
        throw new UserError("pullers", `no receipt for ${stalledAfterMs / 1000} s; ${left} are missing`);
      before = left;
      const late = new AbortController();
      const waiting = sleep(stalledAfterMs, undefined, { signal: AbortSignal.any([this.#signal, late.signal]) });
      await Promise.race([this.#done.promise, waiting, ...failed]).finally(() => late.abort());
      await waiting.catch(() => {});
    }
  }
}

/**
 * Empties a folder without removing a file: truncates each and moves it beside the folder. On ext4 without a journal, a new file looks for
 * its inode past all that were deleted in the last minutes: after some thousand, that took a fifth of a puller's time.
 */
export async function setAside(folder: string): Promise<void> {
  const aside = await mkdtemp(`${folder}-before-`);
  for (const name of await readdir(folder)) {
    await truncate(join(folder, name));
    await rename(join(folder, name), join(aside, name));
  }
}
