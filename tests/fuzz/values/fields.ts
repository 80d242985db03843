import fc from "fast-check";
import { type Field, fieldOf, nestedField, type Table, tableField, uint32, uint64 } from "../amqp/fields.ts";
import { anyText, weighted } from "./texts.ts";

/** The most levels that fit into one header frame; amqplib decodes each level with a recursive call. */
const tableLevelsMax = 18_000;
const arrayLevelsMax = 26_000;
const nameBytesMax = 255;

/** Headers with a meaning for agents, RabbitMQ's shovel or RabbitMQ itself. */
export const knownHeaders: readonly string[] = [
  ...["x-warren-alternate", "x-warren-reason", "x-warren-again", "x-warren-doubt", "filename", "sum", "parts"],
  ...["x-dead-reason", "x-dead-agent", "x-dead-queue", "x-dead-exchange", "x-dead-headers", "x-shovelled", "x-death"],
  ...["x-first-death-queue", "x-delivery-count", "x-received-from", "x-match"],
];
/** Names with a special meaning for JavaScript objects or amqplib. */
const objectNames = ["", "__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "then", "!", "\0", " "];

const text = anyText(40);
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));

/** Names of headers and arguments; some are not text. */
export const oddHeaderNames: fc.Arbitrary<Buffer> = weighted(
  [4, fc.constantFrom(...knownHeaders).map((name) => Buffer.from(name))],
  [2, fc.constantFrom(...objectNames).map((name) => Buffer.from(name))],
  [1, fc.constantFrom(97, 0xff, 0xc3).map((byte) => Buffer.alloc(nameBytesMax, byte))],
  [1, bytes],
  [1, text.map((name) => Buffer.from(name).subarray(0, nameBytesMax))],
);

/** Tags of integers, with their sizes in bytes. */
const integers = { b: 1, B: 1, s: 2, u: 2, I: 4, i: 4, l: 8 } as const;
const edges = [0n, 1n, -1n, 2n ** 31n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n - 1n];
const long = fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }));
const doubles = fc.oneof(
  fc.constantFrom(0, -0, 1e308, 5e-324, 2 ** 53),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const floats = fc.oneof(fc.constantFrom(0, -0, 2 ** 24), fc.float({ noNaN: true, noDefaultInfinity: true }));
const decimal = fc.tuple(fc.nat(255), fc.oneof(fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1), fc.nat()));

function floating(tag: "d" | "f", value: number): Field {
  const encoded = Buffer.alloc(tag === "d" ? 8 : 4);
  if (tag === "d") encoded.writeDoubleBE(value);
  else encoded.writeFloatBE(value);
  return fieldOf(`${tag} ${value}`, tag, encoded);
}
const counted = (shown: string, tag: string, value: Buffer): Field =>
  fieldOf(`${tag} ${shown}`, tag, uint32(value.length), value);
const listOf = (values: readonly Field[]): Field =>
  counted(`of ${values.map(({ shown }) => shown).join(", ")}`, "A", Buffer.concat(values.map((one) => one.bytes)));

const plainField: fc.Arbitrary<Field> = fc.oneof(
  fc.nat(1).map((value) => fieldOf(`t ${value}`, "t", Buffer.from([value]))),
  fc
    .tuple(fc.constantFrom(...(Object.keys(integers) as (keyof typeof integers)[])), long)
    .map(([tag, value]) => fieldOf(`${tag} ${value}`, tag, uint64(value).subarray(8 - integers[tag]))),
  doubles.map((value) => floating("d", value)),
  floats.map((value) => floating("f", value)),
  decimal.map(([places, digits]) =>
    fieldOf(`decimal ${digits}e-${places}`, "D", Buffer.from([places]), uint32(digits)),
  ),
  long.map((value) => fieldOf(`time ${value}`, "T", uint64(value))),
  text.map((value) => counted(JSON.stringify(value), "S", Buffer.from(value))),
  fc.tuple(fc.constantFrom("S", "x"), bytes).map(([tag, value]) => counted(value.toString("hex"), tag, value)),
  fc.constant(fieldOf("void", "V")),
);

const { tree } = fc.letrec<{ tree: Field }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: false },
    plainField,
    fc.array(tie("tree"), { maxLength: 4 }).map(listOf),
    fc.array(fc.tuple(oddHeaderNames, tie("tree")), { maxLength: 4 }).map(tableField),
  ),
}));

/** Values of every type that aren't large. */
export const smallFields = weighted([2, plainField], [1, tree]);

/** Deep, but within RabbitMQ 3.10's limit for a binding: about 12,000 nested tables crash its Erlang VM with a segmentation fault. */
export const deepForBindings: fc.Arbitrary<Field> = fc
  .tuple(fc.constantFrom<"F" | "A">("F", "A"), fc.constantFrom(2, 100, 1000, 4000))
  .map(([tag, levels]) => nestedField(tag, levels));

const nested = fc
  .constantFrom<readonly [tag: "F" | "A", levelsMax: number]>(["F", tableLevelsMax], ["A", arrayLevelsMax])
  .chain(([tag, levelsMax]) =>
    fc.constantFrom(2, 100, 1000, 5000, 12_000, levelsMax).map((levels) => nestedField(tag, levels)),
  );

/** amqplib writes tables of at most 65,536 bytes: just below, with other headers above, and far above. */
const large = fc
  .tuple(fc.constantFrom(256, 4096, 60_000, 65_500, 65_536, 90_000), fc.constantFrom(97, 0xff, 0x0a, 0x22))
  .map(([size, byte]) => counted(`of ${size} × ${byte}`, "S", Buffer.alloc(size, byte)));

const many = fc
  .constantFrom(1000, 8000)
  .map((count) =>
    counted(`of ${count} numbers`, "A", Buffer.concat(Array(count).fill(Buffer.from("l\0\0\0\0\0\0\0a")))),
  );

/** Values of every type; mostly small ones, because big ones take time. */
export const oddFields = weighted([18, smallFields], [3, nested], [3, large], [1, many]);

/** RabbitMQ can't read these, or interprets them itself: it may close the connection. */
export const riskyHeaders: fc.Arbitrary<Table[number]> = fc.oneof(
  fc.tuple(
    oddHeaderNames,
    fc
      .tuple(fc.constantFrom("d" as const, "f" as const), fc.constantFrom(Number.NaN, 1 / 0, -1 / 0))
      .map(([tag, value]) => floating(tag, value)),
  ),
  fc.tuple(
    fc.constantFrom("CC", "BCC").map((name) => Buffer.from(name)),
    plainField,
  ),
);
