import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "amqplib";
import { pino } from "pino";
import { fileNameOf } from "../../agents/lib/announcement.ts";
import { type BrokerSession, openBrokerSession } from "../../agents/lib/broker-session.ts";
import { codecs } from "../../agents/lib/codecs.ts";
import { brokerConfig, type QueueType } from "../../agents/lib/config.ts";
import { pulledTopicDefault } from "../../agents/lib/dispatch-topics.ts";
import { type ReceiptMessage, receiptsIn } from "../../agents/lib/receipts.ts";
import type { Delivery } from "../../agents/lib/subscription.ts";
import { deadLetterExchange, joinTopologies } from "../../agents/lib/topology.ts";

/** A puller's receipt of a product. */
export interface SeenReceipt {
  readonly kind: "pulled";
  /** Key of the product. */
  readonly key: string;
  readonly messageId: string;
  readonly atMs: number;
}

/** An observed message about a file, first or redelivered. */
export interface Seen {
  readonly kind: "announced" | "dispatched" | "twins" | "dead";
  readonly file: string;
  /** Host of its URL. */
  readonly source: string;
  readonly messageId: string;
  readonly doubt: boolean;
  /** Reason of a dead letter. */
  readonly reason: string | undefined;
  readonly atMs: number;
}

export interface ChaosTapOptions {
  /** `host:port` of every member, with `amqps://` in front for TLS. One connection to each, so that a member's failure hides nothing. */
  readonly members: readonly string[];
  readonly user: string;
  readonly password: string;
  readonly caFile: string | undefined;
  readonly queueType: QueueType;
  readonly exchange: string;
  onSeen(seen: Seen | SeenReceipt): void;
}

export interface ChaosTap {
  /** The queue stays and keeps messages; see `removeTapQueue`. */
  close(): Promise<void>;
}

export const tapQueue = "cmc.chaos.tap";

/** Topic of each kind of message. Dead letters keep their topics, in their own exchange. */
const topics = { announced: "v00.urp.input", dispatched: "v00.urp.notify", twins: "v00.urp.twin" } as const;

/** Topic of receipts, whose body is a key. */
const boundTopics = [...Object.values(topics), pulledTopicDefault];

const prefetch = 2000;
const connectTimeoutMs = 3000;
const silent = pino({ level: "silent" });

/**
 * Observes all announcements and dispatches with a durable queue, replicated like the agents' queues, so that messages wait there during
 * disconnections. Messages left by an earlier run are ignored.
 */
export async function openChaosTap(options: ChaosTapOptions): Promise<ChaosTap> {
  const folder = await mkdtemp(join(tmpdir(), "warren-chaos-"));
  const passwordFile = join(folder, "password");
  await writeFile(passwordFile, options.password, { mode: 0o600 });
  const sessions = options.members.map((host) => openSession(options, host, passwordFile));
  for (const session of sessions) {
    session.subscribe({
      queue: tapQueue,
      prefetch,
      onDelivery(delivery) {
        for (const seen of readSeen(delivery, Date.now())) options.onSeen(seen);
        delivery.ack();
      },
    });
  }
  return {
    async close() {
      await Promise.all(sessions.map((session) => session.close()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Deletes the tap's queue. Rejects if the broker doesn't answer. */
export async function removeTapQueue(url: string, ca: string | undefined): Promise<void> {
  const connection = await connect(url, { timeout: connectTimeoutMs, ...(ca === undefined ? {} : { ca }) });
  try {
    const channel = await connection.createChannel();
    await channel.deleteQueue(tapQueue);
  } finally {
    await connection.close();
  }
}

function openSession(options: ChaosTapOptions, host: string, passwordFile: string): BrokerSession {
  const { exchange, user, caFile, queueType } = options;
  const config = brokerConfig.parse({
    hosts: [host],
    ...(caFile === undefined ? {} : { tls: { caFile } }),
    queueType,
    user,
    passwordFile,
    // Reconnects at once to a member that has returned, and soon drops one that hangs.
    heartbeatSeconds: 2,
    connectTimeoutMs: 1000,
    reconnectDelayMaxMs: 500,
  });
  const topology = joinTopologies({
    exchanges: [
      { name: exchange, type: "topic" },
      { name: deadLetterExchange, type: "topic" },
    ],
    queues: [
      {
        name: tapQueue,
        bindings: [
          ...boundTopics.map((topic) => ({ exchange, pattern: `${topic}.#` })),
          { exchange: deadLetterExchange, pattern: "#" },
        ],
      },
    ],
  });
  return openBrokerSession({ config, log: silent, name: "warren-chaos-tap", topology });
}

type SeenDelivery = Pick<Delivery, "exchange" | "routingKey" | "headers"> & ReceiptMessage;

/** The product events of a message; none for other messages. */
export function readSeen(delivery: SeenDelivery, atMs: number): readonly (Seen | SeenReceipt)[] {
  const { routingKey, messageId = "none" } = delivery;
  if (routingKey === pulledTopicDefault)
    return receiptsIn(delivery).map(({ body }) => ({ kind: "pulled", key: body.toString(), messageId, atMs }));
  const seen = readAnnouncement(delivery, atMs);
  return seen ? [seen] : [];
}

function readAnnouncement(delivery: SeenDelivery, atMs: number): Seen | undefined {
  const { body, exchange, routingKey, headers, marks, messageId = "none" } = delivery;
  const parsed = codecs.v00.parse({ body, headers });
  if (!parsed.ok) return undefined;
  const kind = kindOf(exchange, routingKey);
  if (kind === undefined) return undefined;
  const reason = headers["x-dead-reason"];
  return {
    kind,
    file: fileNameOf(parsed.value),
    source: URL.parse(parsed.value.baseUrl)?.hostname ?? parsed.value.baseUrl,
    messageId,
    doubt: marks.doubt === true,
    reason: kind === "dead" ? String(reason ?? "none") : undefined,
    atMs,
  };
}

function kindOf(exchange: string, routingKey: string): Seen["kind"] | undefined {
  if (exchange === deadLetterExchange) return "dead";
  for (const [kind, topic] of Object.entries(topics) as [keyof typeof topics, string][]) {
    if (routingKey.startsWith(`${topic}.`)) return kind;
  }
  return undefined;
}
