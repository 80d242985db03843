import fc from "fast-check";
import { textField } from "../amqp/fields.ts";
import { knownHeaders, oddFields, oddHeaderNames, riskyHeaders } from "../values/fields.ts";
import { oddBaseUrls, oddJson, oddKeys, oddNames, oddNumbers, oddTimes, weighted } from "../values/texts.ts";
import { bodies, changes, type Mutation, type Parts, show, withHeader } from "./draft.ts";

const routingKeyBytesMax = 255;
const repeatedBytesMax = 1024 * 1024;
/** The last one is rare: a queue of such bodies keeps a broker busy. */
const bigBodyBytes = [150_000, 150_000, 150_000, 150_000, 150_000, 2 * 1024 * 1024];

const partOf = (part: keyof Parts, values: fc.Arbitrary<string>): fc.Arbitrary<Mutation> =>
  values.map((value) => ({ label: `${part} ${show(value)}`, parts: (parts) => ({ ...parts, [part]: value }) }));

const parts = weighted<Mutation>(
  [4, partOf("name", oddNames)],
  [
    1,
    partOf(
      "folder",
      oddNames.map((name) => `${name}/`),
    ),
  ],
  [2, partOf("size", oddNumbers)],
  [2, partOf("key", oddKeys)],
  [3, partOf("baseUrl", oddBaseUrls)],
  [1, partOf("time", oddTimes)],
);

const headerOf = (header: fc.Arbitrary<readonly [Buffer, { shown: string; bytes: Buffer }]>) =>
  changes(
    header,
    ([name, { shown }]) => `header ${show(name.toString("latin1"))}: ${shown.slice(0, 200)}`,
    (draft, [name, value]) => withHeader(draft, name, value),
  );

const headers = headerOf(fc.tuple(oddHeaderNames, oddFields));

/** A header that replaces the message's own. */
const ownHeader = changes(
  fc.tuple(fc.constantFrom(...knownHeaders), fc.oneof(oddFields, oddNames.map(textField))),
  ([name, { shown }]) => `own header ${name}: ${shown.slice(0, 200)}`,
  (draft, [name, value]) => {
    const others = draft.headers.filter(([own]) => own.toString() !== name);
    return withHeader({ ...draft, headers: others }, name, value);
  },
);

const bytesUpTo = (maxLength: number) => fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes));
const keyTails = fc.oneof(
  fc.constantFrom(97, 0xff, 0x2e, 0xc3, 0).map((byte) => Buffer.alloc(routingKeyBytesMax, byte)),
  bytesUpTo(60),
  fc.constantFrom("..", "#", "*.#", "x y", "\n", "é", "$".concat("{key}")).map((text) => Buffer.from(text)),
);
const keys = changes(keyTails, "routing key +", (draft, tail) => ({
  ...draft,
  routingKey: Buffer.concat([draft.routingKey, Buffer.from("."), tail]).subarray(0, routingKeyBytesMax),
}));

const placed = fc.tuple(fc.nat(200), fc.uint8Array({ minLength: 1, maxLength: 8 }));
const body = weighted<Mutation>(
  [3, bodies(fc.nat(200), "cut at", (before, at) => before.subarray(0, at))],
  [
    2,
    bodies(fc.constantFrom(2, 3, 100), "times", (before, times) =>
      Buffer.concat(Array(times).fill(before)).subarray(0, repeatedBytesMax),
    ),
  ],
  [
    3,
    bodies(placed, "with, at", (before, [at, more]) =>
      Buffer.concat([before.subarray(0, at), more, before.subarray(at)]),
    ),
  ],
  [
    2,
    bodies(placed, "replaced, at", (before, [at, [byte = 0]]) =>
      Buffer.from(before.map((own, i) => (i === at ? byte : own))),
    ),
  ],
  [2, bodies(bytesUpTo(100), "binary", (_, bytes) => bytes)],
  [
    2,
    bodies(fc.constantFrom("\n", "\r\n", "\0", " ", "\t", "\ufeff"), "+", (before, text) =>
      Buffer.concat([before, Buffer.from(text)]),
    ),
  ],
  [2, bodies(oddJson, "JSON", (_, text) => text)],
  [
    1,
    bodies(fc.constantFrom(8192, 8193, 65_536, 131_064), "filled to", (before, bytes) =>
      Buffer.concat([before, Buffer.alloc(Math.max(0, bytes - before.length), 97)]),
    ),
  ],
);
const bigBody = bodies(fc.constantFrom(...bigBodyBytes), "of bytes:", (_, bytes) => Buffer.alloc(bytes, 120));

/** A property with a value; RabbitMQ interprets some of them. */
const propertyOf = (name: fc.Arbitrary<string>, values: fc.Arbitrary<Buffer | bigint | number>) =>
  changes(
    fc.tuple(name, values),
    ([property, value]) => `${property} ${show(value)}`,
    (draft, [property, value]) => ({ ...draft, properties: { ...draft.properties, [property]: value } }),
  );
const odd = fc.oneof(oddNames, oddNumbers, oddJson).map((text) => Buffer.from(text).subarray(0, routingKeyBytesMax));
const secondsMax = [2n ** 31n, 2n ** 32n, 253_402_300_800n, 8_640_000_000_001n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];
const properties = weighted<Mutation>(
  [3, propertyOf(fc.constant("timestamp"), fc.constantFrom(0n, 1n, ...secondsMax))],
  [1, propertyOf(fc.constant("priority"), fc.constantFrom(0, 1, 9, 10, 255))],
  [1, propertyOf(fc.constant("deliveryMode"), fc.constantFrom(1, 2))],
  [1, propertyOf(fc.constantFrom("contentType", "contentEncoding", "correlationId", "replyTo", "type", "appId"), odd)],
);

/** None that expires at once: no agent could settle a message that expires in its queue. */
const expirations = ["", "x", "-1", "1e3", "1.5", "3600000", "4294967295", "4294967296", "9".repeat(200)];
const risky = fc
  .oneof(
    propertyOf(
      fc.constant("expiration"),
      fc.constantFrom(...expirations).map((text) => Buffer.from(text)),
    ),
    propertyOf(fc.constant("deliveryMode"), fc.constantFrom(0, 3, 255)),
    headerOf(riskyHeaders),
    propertyOf(fc.constantFrom("userId", "replyTo"), odd),
  )
  .map((mutation) => ({ ...mutation, isRisky: true }));

/** One to three changes of a message. @param more mutations for one agent's own inputs */
export function mutationsOf(
  ...more: readonly (readonly [weight: number, values: fc.Arbitrary<Mutation>])[]
): fc.Arbitrary<Mutation[]> {
  const one = weighted<Mutation>(
    [60, parts],
    [40, headers],
    [25, ownHeader],
    [20, keys],
    [40, body],
    [30, properties],
    [2, risky],
    [1, bigBody],
    ...more,
  );
  return fc.array(one, { minLength: 1, maxLength: 3 });
}
