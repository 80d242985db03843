import * as z from "zod";

/** One queue, as the management API describes it. */
export interface QueueFacts {
  readonly vhost: string;
  readonly name: string;
  /** `classic`, `quorum`, `stream`. */
  readonly type: string;
  readonly consumers: number;
  readonly messages: number;
  /** Size of all message bodies, ready and unacked: not the memory of the queue's process. */
  readonly bytes: number;
  /** Deliveries, gets and acks so far, as counted by the broker; reset with its statistics. */
  readonly uses: number;
  readonly durable: boolean;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** One binding from an exchange to a queue. */
export interface Binding {
  readonly source: string;
  readonly routingKey: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** RabbitMQ's own arguments have three levels. Clients may declare so many that the JSON can be parsed but not written. */
const levelsMax = 16;
const count = z.int().nonnegative();
/** If only some columns were requested, the broker sends an empty object as an empty list. */
const asObject = (value: unknown) => (Array.isArray(value) && value.length === 0 ? {} : value);
const queueItem = z.looseObject({
  vhost: z.string(),
  name: z.string(),
  type: z.string().default("classic"),
  exclusive: z.boolean().default(false),
  durable: z.boolean(),
  arguments: z.preprocess(asObject, z.record(z.string(), z.unknown()).prefault({})),
  state: z.string().optional(),
  consumers: count.optional(),
  messages: count.optional(),
  message_bytes: count.optional(),
  message_stats: z.preprocess(
    asObject,
    z.looseObject({ deliver_get: count.default(0), ack: count.default(0), get_empty: count.default(0) }).prefault({}),
  ),
});

const listPage = z.object({ page_count: count, total_count: count, items: z.array(z.unknown()) });
const named = z.looseObject({ name: z.string() });

/** A page of a list of queues. Items without a name can't be queried again and are left out. */
export function readPage(answer: unknown) {
  const { page_count: pages, total_count: total, items } = listPage.parse(answer);
  return { pages, total, items: items.flatMap((item) => named.safeParse(item).data ?? []) };
}

/**
 * `unknown`: its node is down, or its figures are not available yet. `owned`: exclusive, so it disappears with its connection. The item
 * must have the vhost's and the queue's name.
 */
export function readQueue(item: unknown): QueueFacts | "unknown" | "owned" {
  const read = queueItem.safeParse(item);
  if (!read.success) return "unknown";
  const { exclusive, state, consumers, messages, message_bytes: bytes, message_stats: stats, ...rest } = read.data;
  if (exclusive) return "owned";
  if (consumers === undefined || messages === undefined || bytes === undefined) return "unknown";
  if (state !== "running" && state !== "idle") return "unknown";
  const { vhost, name, type, durable, arguments: own } = rest;
  const uses = stats.deliver_get + stats.ack + stats.get_empty;
  const shown = isDeeper(own, levelsMax) ? { "(left out)": `more than ${levelsMax} levels` } : own;
  return { vhost, name, type, consumers, messages, bytes, uses, durable, arguments: shown };
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((one) => isDeeper(one, levels - 1));
}

const bindingItem = z.looseObject({
  source: z.string(),
  routing_key: z.string(),
  properties_key: z.string(),
  arguments: z.record(z.string(), z.unknown()).default({}),
});

/** A binding that can be removed. */
export interface FoundBinding extends Binding {
  readonly propertiesKey: string;
  /** Its arguments can't be written to disk: it can be removed, but not restored. */
  readonly tooDeep?: true;
}

/** The bindings that can be removed: all but that of the default exchange, which every queue has. */
export function readBindings(items: unknown): readonly FoundBinding[] {
  return z
    .array(bindingItem)
    .parse(items)
    .filter(({ source }) => source !== "")
    .map(({ source, routing_key: routingKey, properties_key: propertiesKey, arguments: own }) => {
      const binding = { source, routingKey, arguments: own, propertiesKey };
      return isDeeper(own, levelsMax) ? { ...binding, arguments: {}, tooDeep: true } : binding;
    });
}
