import { setTimeout as sleep } from "node:timers/promises";
import type { BrokerSession } from "../../agents/lib/broker-session.ts";
import { UserError } from "../../agents/lib/errors.ts";
import type { Subscription } from "../../agents/lib/subscription.ts";
import { poll } from "../../scripts/lib/poll.ts";
import { KeyCount } from "./key-count.ts";
import { announcementOf, pairs, type Source, sources, topicTail } from "./pairs.ts";
import { startShovel } from "./shovel.ts";
import { exchange, inputQueue, inputTopic, pullQueue, type Stage, targetQueue } from "./stage.ts";
import { cpuSeconds } from "./usage.ts";

/** Larger than the reader's possible backlog, so that it never limits the rate. */
const readerPrefetch = 5000;
const stalledAfterMs = 120_000;
const emptyProbeMs = 20;

/** Cost of moving all announcements of one run. */
export interface Move {
  readonly announcementsPerSecond: number;
  /** Microseconds of CPU time per announcement. */
  readonly brokerMicroseconds: number;
  /** 0 for the shovel, which is part of the broker. */
  readonly dispatcherMicroseconds: number;
}

/** Fills the input queue with two announcements of every product. Resolves when all are confirmed. */
export async function load(stage: Stage, run: string, products: number): Promise<void> {
  const { announcing, signal } = stage;
  let failed = 0;
  let open = 0;
  let settled = (): void => {};
  for (const { product, source } of pairs(products)) {
    if (!announcing.isWritable) await announcing.writable();
    signal.throwIfAborted();
    open++;
    announce(announcing, run, product, source, (isConfirmed) => {
      open--;
      if (!isConfirmed) failed++;
      if (open === 0) settled();
    });
  }
  if (open > 0) await new Promise<void>((resolve) => (settled = resolve));
  if (failed > 0)
    throw new UserError("bench", `the broker did not confirm ${failed} announcements`, "check its memory");
}

/** An announcement as an announcer sends it. */
export function announce(
  session: BrokerSession,
  run: string,
  product: number,
  source: Source = sources[0],
  onConfirmed: (isConfirmed: boolean) => void = () => {},
): void {
  const { body, headers, contentType } = announcementOf(run, product, source);
  session.send(exchange, `${inputTopic}.${topicTail}`, body, { headers, contentType }, (outcome) =>
    onConfirmed(outcome === "confirmed"),
  );
}

/** The upper limit: RabbitMQ's shovel moves all announcements, twins included, to another queue, which is read. */
export async function moveByShovel(stage: Stage, run: string, products: number): Promise<Move> {
  await load(stage, run, products);
  const count = new KeyCount(run, products, sources.length);
  const reader = new Reader(stage, targetQueue, count);
  const stop = await startShovel(stage.broker, inputQueue, targetQueue);
  try {
    await reader.complete();
    const move = reader.measured(products, 0);
    // If it stopped earlier, messages that it has moved but not acked would stay in the queue.
    await untilSettled(stage);
    count.check("shovel");
    return move;
  } finally {
    await stop();
    await reader.stop();
  }
}

/** A new dispatcher process consumes the announcements and dispatches each product once; its output is read. */
export async function moveByDispatcher(stage: Stage, run: string, products: number): Promise<Move> {
  await load(stage, run, products);
  const count = new KeyCount(run, products, 1);
  const reader = new Reader(stage, pullQueue, count);
  const dispatcher = await stage.startDispatcher(run);
  const startSeconds = await dispatcher.startSeconds();
  await reader.complete();
  // The last twins have no output. They are done when the input queue is empty.
  const isEmpty = async () => (await stage.admin.checkQueue(inputQueue)).messageCount === 0;
  await poll(isEmpty, { everyMs: emptyProbeMs, signal: stage.signal });
  const move = reader.measured(products, cpuSeconds(dispatcher.pid) - startSeconds);
  await untilSettled(stage);
  await dispatcher.stop();
  await reader.stop();
  count.check("dispatcher");
  return move;
}

/** The input queue has no ready and no unacknowledged messages. */
export async function untilSettled({ broker, signal }: Stage): Promise<void> {
  const isEmpty = async () => (await broker.messagesIn(inputQueue)) === 0;
  if (await poll(isEmpty, { everyMs: emptyProbeMs, withinMs: stalledAfterMs, signal })) return;
  throw new UserError("bench", `${inputQueue} is not empty within ${stalledAfterMs / 1000} s`);
}

/** Reads a queue and counts. The clock starts at the first message. */
class Reader {
  readonly #stage: Stage;
  readonly #count: KeyCount;
  readonly #subscription: Subscription;
  readonly #done = Promise.withResolvers<void>();
  #firstMs = 0;
  #brokerSeconds = 0;

  constructor(stage: Stage, queue: string, count: KeyCount) {
    this.#stage = stage;
    this.#count = count;
    this.#subscription = stage.reading.subscribe({
      queue,
      prefetch: readerPrefetch,
      onDelivery: (delivery) => {
        if (count.received === 0) this.#begin();
        count.add(delivery.body);
        delivery.ack();
        if (count.isComplete) this.#done.resolve();
      },
    });
  }

  async complete(): Promise<void> {
    const { signal } = this.#stage;
    for (let before = -1; !this.#count.isComplete; ) {
      signal.throwIfAborted();
      if (this.#count.received === before) throw new UserError("bench", `nothing moved for ${stalledAfterMs / 1000} s`);
      before = this.#count.received;
      const late = new AbortController();
      const waiting = sleep(stalledAfterMs, undefined, { signal: AbortSignal.any([signal, late.signal]) });
      await Promise.race([this.#done.promise, waiting]).finally(() => late.abort());
      await waiting.catch(() => {});
    }
  }

  measured(products: number, dispatcherSeconds: number): Move {
    const announcements = products * sources.length;
    const seconds = (performance.now() - this.#firstMs) / 1000;
    const microseconds = (used: number): number => (used / announcements) * 1e6;
    return {
      announcementsPerSecond: announcements / seconds,
      brokerMicroseconds: microseconds(this.#brokerCpu() - this.#brokerSeconds),
      dispatcherMicroseconds: microseconds(dispatcherSeconds),
    };
  }

  async stop(): Promise<void> {
    await this.#stage.reading.unsubscribe(this.#subscription);
  }

  #begin(): void {
    this.#firstMs = performance.now();
    this.#brokerSeconds = this.#brokerCpu();
  }

  #brokerCpu(): number {
    const { pid } = this.#stage.broker;
    if (pid === undefined) throw new UserError("bench", "the broker died");
    return cpuSeconds(pid);
  }
}
