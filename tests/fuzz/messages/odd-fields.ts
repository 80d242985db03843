import fc from "fast-check";
import type { Field, Table } from "../amqp/fields.ts";
import { anyText } from "./odd-texts.ts";

/** At the most one header frame has room for so many levels; amqplib decodes each by a call. */
const tableLevelsMax = 18_000;
const arrayLevelsMax = 26_000;
const tableNameBytesMax = 255;

/** Every header that agents, RabbitMQ's shovel or RabbitMQ itself give a meaning. */
export const knownHeaders = [
  ...["x-warren-alternate", "x-warren-reason", "x-warren-again", "x-warren-doubt"],
  ...["filename", "sum", "parts", "x-shovelled", "x-death"],
  ...["x-dead-reason", "x-dead-agent", "x-dead-queue", "x-dead-exchange", "x-dead-headers"],
  ...["x-first-death-queue", "x-delivery-count", "x-received-from", "x-match"],
] as const;

const text = anyText(40);
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));

/** Names that objects of JavaScript, or amqplib, treat as something of their own; and ones that are no text at all. */
export const oddNames = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...knownHeaders).map((name) => Buffer.from(name)) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(
        "",
        "__proto__",
        "constructor",
        "prototype",
        "toString",
        "hasOwnProperty",
        "then",
        "!",
        "\0",
        " ",
        "ｆ",
      )
      .map((name) => Buffer.from(name)),
  },
  { weight: 1, arbitrary: fc.constantFrom(97, 0xff, 0xc3).map((byte) => Buffer.alloc(tableNameBytesMax, byte)) },
  { weight: 1, arbitrary: bytes },
  { weight: 1, arbitrary: text.map((name) => Buffer.from(name).subarray(0, tableNameBytesMax)) },
);

const intTags = fc.constantFrom("b", "B", "s", "u", "I", "i", "l" as const);
const edges = fc.constantFrom(
  0n,
  1n,
  -1n,
  2n ** 31n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
  2n ** 64n - 1n,
);
const int = fc.record({
  type: fc.constant("int" as const),
  tag: intTags,
  value: fc.oneof(edges, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n })),
});
const doubles = fc.oneof(
  fc.constantFrom(0, -0, 1e308, 5e-324, 2 ** 53),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const floats = fc.oneof(fc.constantFrom(0, -0, 2 ** 24), fc.float({ noNaN: true, noDefaultInfinity: true }));
const number: fc.Arbitrary<Field> = fc.oneof(
  doubles.map((value): Field => ({ type: "double", value })),
  floats.map((value): Field => ({ type: "float", value })),
);
const plainField: fc.Arbitrary<Field> = fc.oneof(
  fc.boolean().map((value): Field => ({ type: "bool", value })),
  int,
  number,
  fc.record({
    type: fc.constant("decimal" as const),
    places: fc.nat(255),
    digits: fc.oneof(fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1), fc.nat()),
  }),
  edges.map((value): Field => ({ type: "timestamp", value })),
  text.map((value): Field => ({ type: "string", value: Buffer.from(value) })),
  bytes.map((value): Field => ({ type: "string", value })),
  bytes.map((value): Field => ({ type: "bytes", value })),
  fc.constant<Field>({ type: "void" }),
);

const { tree } = fc.letrec<{ tree: Field }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: false },
    plainField,
    fc.array(tie("tree"), { maxLength: 4 }).map((values): Field => ({ type: "array", values })),
    fc.array(fc.tuple(oddNames, tie("tree")), { maxLength: 4 }).map((entries): Field => ({ type: "table", entries })),
  ),
}));

const nested: fc.Arbitrary<Field> = fc.oneof(
  fc
    .constantFrom(2, 100, 1000, 5000, 12_000, tableLevelsMax)
    .map((levels): Field => ({ type: "nested", tag: "F", levels })),
  fc
    .constantFrom(2, 100, 1000, 5000, 12_000, arrayLevelsMax)
    .map((levels): Field => ({ type: "nested", tag: "A", levels })),
);

/** amqplib writes tables of at most 65,536 bytes: just below, with other headers above, and far above. */
const long = fc
  .record({
    size: fc.constantFrom(256, 4096, 60_000, 65_500, 65_536, 90_000),
    byte: fc.constantFrom(97, 0xff, 0x0a, 0x22),
  })
  .map(({ size, byte }): Field => ({ type: "string", value: Buffer.alloc(size, byte) }));

const many: fc.Arbitrary<Field> = fc.constantFrom(1000, 8000).map((count) => ({
  type: "array",
  values: Array.from({ length: count }, (_, at): Field => ({ type: "int", tag: "l", value: BigInt(at) })),
}));

/** Deep, and yet no more than what RabbitMQ 3.10 takes in a binding: from about 12,000 tables on its Erlang VM ends with a segmentation fault. */
export const deepForBindings: fc.Arbitrary<Field> = fc
  .tuple(fc.constantFrom<"F" | "A">("F", "A"), fc.constantFrom(2, 100, 1000, 4000))
  .map(([tag, levels]) => ({ type: "nested", tag, levels }));

/** Values of every type that aren't large. */
export const smallFields = fc.oneof({ weight: 2, arbitrary: plainField }, { weight: 1, arbitrary: tree });

/** Values of every type, small ones mostly: big ones take time. */
export const oddFields = fc.oneof(
  { weight: 18, arbitrary: smallFields },
  { weight: 3, arbitrary: nested },
  { weight: 3, arbitrary: long },
  { weight: 1, arbitrary: many },
);

/** RabbitMQ can't read these, or reads a meaning of its own: it may close the connection. */
export const riskyHeaders: fc.Arbitrary<Table[number]> = fc.oneof(
  fc.tuple(
    oddNames,
    fc
      .constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)
      .chain((value) => fc.constantFrom<Field>({ type: "double", value }, { type: "float", value })),
  ),
  fc.tuple(
    fc.constantFrom("CC", "BCC").map((name) => Buffer.from(name)),
    plainField,
  ),
);

export function describeField(field: Field): string {
  switch (field.type) {
    case "nested":
      return `${field.levels} ${field.tag === "F" ? "tables" : "arrays"} one in the other`;
    case "string":
    case "bytes":
      return field.value.length > 60
        ? `${field.type} of ${field.value.length} × 0x${field.value.toString("hex", 0, 1)}`
        : `${field.type} ${JSON.stringify(field.value.toString("latin1"))}`;
    case "array":
      return field.values.length > 20
        ? `array of ${field.values.length}`
        : `[${field.values.map(describeField).join(", ")}]`;
    case "table":
      return `{${field.entries.map(([name, value]) => `${JSON.stringify(name.toString("latin1").slice(0, 40))}: ${describeField(value)}`).join(", ")}}`;
    case "int":
      return `${field.tag} ${field.value}`;
    case "void":
      return "void";
    case "decimal":
      return `decimal ${field.digits}e-${field.places}`;
    default:
      return `${field.type} ${field.value}`;
  }
}
