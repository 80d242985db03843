import fc from "fast-check";
import { shownTable, type Table } from "../amqp/fields.ts";
import type { Rig } from "../rig.ts";
import { describe, inRig } from "../run.ts";
import { draw, indicesOf, isValidIndex } from "../seeds.ts";
import type { BrokerRunner, FuzzOptions } from "../subject.ts";
import { deepForBindings, oddHeaderNames, smallFields } from "../values/fields.ts";
import { anyText, oddNames, weighted } from "../values/texts.ts";
import { show } from "./draft.ts";
import { queueManagerConfig } from "./queue-manager.ts";

const name = "queue-manager-names";
/** Each queue costs the broker a process and statistics: more would slow down the broker, not test the manager. */
const queuesMax = 100;
const nameBytesMax = 255;
const intervalSeconds = 1;
const exchanges = ["fuzz.topic", "fuzz.headers"] as const;

const texts = fc.oneof(
  fc.oneof(oddNames, anyText(60)).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(97, 0xff, 0x2f, 0x25).map((byte) => Buffer.alloc(nameBytesMax, byte)),
  fc.constantFrom("*", "#", "x/../y", "?columns=name", "#f").map((text) => Buffer.from(text)),
);
/** Without names `x-…`: RabbitMQ interprets them, and refuses unknown values. */
const entry = fc.tuple(
  oddHeaderNames.filter((own) => !own.toString().startsWith("x-")),
  weighted([4, smallFields], [1, deepForBindings]),
);
const tables: fc.Arbitrary<Table> = fc.array(entry, { maxLength: 2 });
const hostile = fc.record({
  name: texts,
  table: tables,
  exchange: fc.constantFrom(...exchanges),
  key: texts,
  bindingTable: tables,
});

interface ForeignQueue {
  readonly index: number;
  readonly what: string;
  readonly name: Buffer;
}

/** Foreign queues on a real broker: the manager deletes each, or logs why it can't, and continues with the others. */
export const queueManagerNamesRunner: BrokerRunner = {
  name,
  summary: `names and arguments of queues and bindings on a real broker, at most ${queuesMax}`,
  run(broker, given) {
    const options = { ...given, count: Math.min(given.count, queuesMax) };
    return inRig(name, broker, options, async (rig) => {
      const made = await makeQueues(rig, options);
      const config = queueManagerConfig(rig, broker.managementUrl, intervalSeconds);
      await rig.start("queue-manager", { ...config, vhosts: [rig.vhost] });
      let left = made;
      const countLeft = async (): Promise<number> => {
        const found = (await rig.management("GET", "queues", "?columns=name")) as { name: string }[];
        const there = new Set(found.map((queue) => queue.name));
        left = made.filter((queue) => there.has(queue.name.toString()));
        return left.length;
      };
      const stopped = await rig.until(countLeft, () => rig.linesSeen);
      const findings = left.map((queue) => `not deleted: ${describe(name, options.seed, queue)}`);
      if (stopped !== undefined) findings.unshift(`queues are left: ${stopped}`);
      return { cameOut: made.length - left.length, refused: 0, findings };
    });
  },
};

/** Declares and binds queues with one message each; skips those that the broker refuses. */
async function makeQueues(rig: Rig, { seed, progress, ...run }: FuzzOptions): Promise<ForeignQueue[]> {
  let connection = await rig.connect();
  await connection.channel.assertExchange(exchanges[0], "topic");
  await connection.channel.assertExchange(exchanges[1], "headers");
  const made: ForeignQueue[] = [];
  const valid = { table: [], exchange: exchanges[0], key: Buffer.from("a.b"), bindingTable: [] };
  for (const index of indicesOf(run)) {
    const isValid = isValidIndex(index);
    const drawn = isValid ? { ...valid, name: Buffer.from("q") } : draw(hostile, seed, index);
    const { table, exchange, key, bindingTable } = drawn;
    // The number makes each name unique.
    const own = Buffer.concat([Buffer.from(`${index}-`), drawn.name]).subarray(0, nameBytesMax);
    connection.declareQueue(own, table);
    connection.bindQueue(own, exchange, key, bindingTable);
    const message = { exchange: "", routingKey: own, properties: {}, body: Buffer.from("x") };
    if ((await connection.publish(message)) !== "confirmed") {
      connection = await rig.connect();
      continue;
    }
    const binding = `bound to ${exchange} by ${show(key.toString("latin1"))} ${shownTable(bindingTable)}`;
    const what = isValid ? "valid" : `queue ${show(own.toString("latin1"))} ${shownTable(table)}, ${binding}`;
    made.push({ index, name: own, what });
    progress(made.length);
  }
  return made;
}
