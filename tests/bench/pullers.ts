import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ConsumeMessage } from "amqplib";
import type { z } from "zod";
import type { BrokerSession } from "../../agents/lib/broker-session.ts";
import { notifyTopicDefault, pulledTopicDefault } from "../../agents/lib/dispatch-topics.ts";
import { UserError } from "../../agents/lib/errors.ts";
import { configSchema } from "../../agents/puller/config.ts";
import { topologyOf } from "../../agents/puller/topology.ts";
import { AgentProcess } from "../rigs/agent-process.ts";
import type { Cleanup } from "../rigs/cleanup.ts";
import { keyOf, topicTail } from "./pairs.ts";
import type { BenchPlace } from "./place.ts";
import type { PullProducts } from "./pull-products.ts";
import { cpuSeconds } from "./usage.ts";

const exchange = configSchema.shape.exchange.parse(undefined);
const stalledAfterMs = 120_000;

/** Cost of pulling the products of one run. */
export interface Pulling {
  readonly filesPerSecond: number;
  /** Microseconds of CPU time for each file: of all pullers together, and of the broker. */
  readonly pullerMicroseconds: number;
  readonly brokerMicroseconds: number;
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
  #done = Promise.withResolvers<void>();

  private constructor(place: BenchPlace, count: number, signal: AbortSignal) {
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
      };
      return new AgentProcess({ name, agent: "puller", config }, place.directory);
    });
    // Pullers declare this queue themselves.
    this.#session = place.open("bench-announcing", topologyOf(configSchema.parse(this.#agents[0]?.spec.config)));
  }

  static async start(place: BenchPlace, count: number, signal: AbortSignal, cleanup: Cleanup): Promise<Pullers> {
    const pullers = new Pullers(place, count, signal);
    for (const folder of pullers.#folders) await mkdir(folder);
    for (const agent of pullers.#agents) cleanup.add(() => agent.stop());
    await pullers.#session.ready(signal);
    await Promise.all(pullers.#agents.map((agent) => agent.start()));
    await pullers.#hear();
    return pullers;
  }

  /**
   * Announces the first `count` products of a server at once, and waits until each is placed. The clock runs from the first announcement to
   * the last receipt. Folders are empty again afterwards.
   *
   * @throws UserError unless each was placed once and complete
   */
  async pull(run: string, products: PullProducts, count: number, baseUrl: string): Promise<Pulling> {
    for (let product = 0; product < count; product++) this.#awaited.add(keyOf(run, product));
    this.#done = Promise.withResolvers();
    this.#strange = 0;
    const messages = Array.from({ length: count }, (_, product) => products.announcementOf(run, product, baseUrl));
    const timestampSeconds = Math.floor(Date.now() / 1000);
    const usedBefore = this.#used();
    const beganMs = performance.now();
    for (const { body, headers, contentType } of messages) {
      if (!this.#session.isWritable) await this.#session.writable();
      const options = { headers: headers ?? {}, contentType: contentType ?? "text/plain", timestampSeconds };
      this.#session.send(exchange, `${notifyTopicDefault}.${topicTail}`, body, options, () => {});
    }
    await this.#complete();
    const seconds = (performance.now() - beganMs) / 1000;
    const used = this.#used();
    if (this.#strange > 0) throw new UserError("pullers", `${this.#strange} products were placed again`);
    await products.check("pullers", count, this.#folders);
    for (const folder of this.#folders) await emptyFolder(folder);
    return {
      filesPerSecond: count / seconds,
      pullerMicroseconds: ((used.pullers - usedBefore.pullers) / count) * 1e6,
      brokerMicroseconds: ((used.broker - usedBefore.broker) / count) * 1e6,
    };
  }

  /** Consumes the receipts, as the dispatchers do. */
  async #hear(): Promise<void> {
    const { admin } = this.#place;
    const { queue } = await admin.assertQueue("", { exclusive: true, durable: false });
    await admin.bindQueue(queue, exchange, pulledTopicDefault);
    const onReceipt = (message: ConsumeMessage | null): void => {
      if (!message) return;
      if (!this.#awaited.delete(message.content.toString("latin1"))) this.#strange += 1;
      if (this.#awaited.size === 0) this.#done.resolve();
    };
    await admin.consume(queue, onReceipt, { noAck: true });
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

  #used(): { readonly pullers: number; readonly broker: number } {
    const pullers = this.#agents.reduce((sum, { pid }) => sum + (pid === undefined ? 0 : cpuSeconds(pid)), 0);
    const { pid } = this.#place.broker;
    return { pullers, broker: pid === undefined ? 0 : cpuSeconds(pid) };
  }
}

export async function emptyFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name));
}
