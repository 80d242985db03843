import fc from "fast-check";
import type { RawConnection } from "../amqp/connection.ts";
import type { Table } from "../amqp/fields.ts";
import type { BrokerRunner } from "../own-broker.ts";
import { draw, indicesOf, isValidTurn, validCount } from "../seeds.ts";
import type { FuzzOptions } from "../subject.ts";
import { show } from "./mutations.ts";
import { deepForBindings, describeField, oddNames, smallFields } from "./odd-fields.ts";
import { anyText, oddFileNames } from "./odd-texts.ts";
import { queueManagerConfig } from "./queue-manager.ts";
import type { MessageRig } from "./rig.ts";
import { describe, inRig } from "./run.ts";

const name = "queue-manager-names";
/** Each is a process of the broker and a line of its statistics: more would measure the broker. */
const queuesMax = 100;
const nameBytesMax = 255;
const exchanges = ["fuzz.topic", "fuzz.headers"] as const;

interface StrangersQueue {
  readonly index: number;
  readonly isValid: boolean;
  readonly what: string;
  readonly name: Buffer;
  readonly table: Table;
  readonly exchange: (typeof exchanges)[number];
  readonly key: Buffer;
  readonly bindingTable: Table;
}

const texts = fc.oneof(
  oddFileNames.map((text) => Buffer.from(text)),
  anyText(60).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(97, 0xff, 0x2f, 0x25).map((byte) => Buffer.alloc(nameBytesMax, byte)),
  fc.constantFrom("*", "#", "x/../y", "%2f", "?columns=name", "#f", "__proto__").map((text) => Buffer.from(text)),
);
/** RabbitMQ reads a meaning into `x-…`, and refuses what it doesn't understand there. */
const entry = fc.tuple(
  oddNames.filter((own) => !own.toString().startsWith("x-")),
  fc.oneof({ weight: 4, arbitrary: smallFields }, { weight: 1, arbitrary: deepForBindings }),
);
const tables = fc.array(entry, { maxLength: 2 });
const hostile = fc.record({
  name: texts,
  table: tables,
  exchange: fc.constantFrom(...exchanges),
  key: texts,
  bindingTable: tables,
});

function makeQueue(seed: number, index: number): StrangersQueue {
  const base = { index, exchange: exchanges[0], key: Buffer.from("a.b"), bindingTable: [], table: [] };
  if (isValidTurn(index)) return { ...base, isValid: true, what: "valid", name: Buffer.from(`q-${index}`) };
  const made = draw(hostile, seed, index);
  // With a number, so that there are no two of one name.
  const own = Buffer.concat([Buffer.from(`${index}-`), made.name]).subarray(0, nameBytesMax);
  const told = (table: Table) =>
    table.map(([key, value]) => `${show(key.toString("latin1"))}: ${describeField(value)}`).join(", ");
  const what = `queue ${show(own.toString("latin1"))} {${told(made.table)}}, bound to ${made.exchange} by ${show(made.key.toString("latin1"))} {${told(made.bindingTable)}}`;
  return { index, isValid: false, what, ...made, name: own };
}

/** Queues that strangers made on a real broker: the manager deletes each, or says why it can't, and goes on with the others. */
export const queueManagerNamesRunner: BrokerRunner = {
  name,
  summary: `names and arguments of queues and bindings on a real broker, at most ${queuesMax}`,
  run(broker, given) {
    const options = { ...given, count: Math.min(given.count, queuesMax) };
    return inRig(name, broker, options, async (run) => {
      const { rig, findings } = run;
      const made = await makeQueues(rig, options);
      const config = queueManagerConfig(rig, rig.broker.managementUrl);
      await rig.start("queue-manager", { ...config, vhosts: [rig.vhost] });
      const settling = await rig.until(async () => (await rig.queueNames(made)).length, { byLines: true });
      if (settling !== "settled") findings.push(`queues are left: ${settling.stopped} (seed ${options.seed})`);
      const left = new Set(await rig.queueNames(made));
      const stuck = made.filter((queue) => left.has(queue.name.toString()));
      for (const queue of stuck) findings.push(`not deleted: ${describe(name, options.seed, queue)}`);
      return { valid: validCount(options), cameOut: made.length - stuck.length, refused: 0 };
    });
  },
};

/** Declared, bound, and with a message each; what the broker refuses is left out. */
async function makeQueues(rig: MessageRig, options: FuzzOptions): Promise<StrangersQueue[]> {
  let connection: RawConnection = await rig.connect();
  await connection.declareExchange(exchanges[0]);
  await connection.declareExchange(exchanges[1], "headers");
  const made: StrangersQueue[] = [];
  for (const index of indicesOf(options)) {
    const queue = makeQueue(options.seed, index);
    try {
      await connection.declareQueue(queue.name, queue.table);
      await connection.bindQueue(queue.name, queue.exchange, queue.key, queue.bindingTable);
    } catch (error) {
      rig.refusedByBroker.set(index, (error as Error).message);
      connection = await rig.connect();
      continue;
    }
    await connection.publish({ exchange: "", routingKey: queue.name, properties: {}, body: Buffer.from("x") });
    made.push(queue);
    options.progress(made.length);
  }
  return made;
}
