import fc from "fast-check";
import type { Draft, Mutation, Parts } from "./draft.ts";
import { withHeader } from "./draft.ts";
import { describeField, knownHeaders, oddFields, oddNames, riskyHeaders } from "./odd-fields.ts";
import { oddBaseUrls, oddFileNames, oddJson, oddKeys, oddNumbers, oddTimes } from "./odd-texts.ts";

const shownMax = 60;
const routingKeyBytesMax = 255;
const repeatedBytesMax = 1024 * 1024;
/** Seldom the last one: a queue of them is all that a broker does. */
const bigBodyBytes = [150_000, 150_000, 150_000, 150_000, 150_000, 2 * 1024 * 1024];

export const show = (text: string): string =>
  text.length <= shownMax ? JSON.stringify(text) : `${JSON.stringify(text.slice(0, shownMax))}… (${text.length})`;

const parts: fc.Arbitrary<Mutation> = fc.oneof(
  { weight: 4, arbitrary: partOf("name", oddFileNames) },
  {
    weight: 1,
    arbitrary: partOf(
      "folder",
      oddFileNames.map((name) => `${name}/`),
    ),
  },
  { weight: 2, arbitrary: partOf("size", oddNumbers) },
  { weight: 2, arbitrary: partOf("key", oddKeys) },
  { weight: 3, arbitrary: partOf("baseUrl", oddBaseUrls) },
  { weight: 1, arbitrary: partOf("time", oddTimes) },
);

function partOf(part: keyof Parts, values: fc.Arbitrary<string>): fc.Arbitrary<Mutation> {
  return values.map((value) => ({
    label: `${part} ${show(value)}`,
    parts: (before) => ({ ...before, [part]: value }),
  }));
}

const headers: fc.Arbitrary<Mutation> = fc.tuple(oddNames, oddFields).map(([name, value]) => ({
  label: `header ${show(name.toString("latin1"))}: ${describeField(value)}`,
  draft: (draft: Draft) => withHeader(draft, name, value),
}));

/** One that takes the place of the message's own. */
const ownHeader: fc.Arbitrary<Mutation> = fc
  .tuple(
    fc.constantFrom(...knownHeaders),
    fc.oneof(
      oddFields,
      oddFileNames.map((text) => ({ type: "string", value: Buffer.from(text) }) as const),
    ),
  )
  .map(([name, value]) => ({
    label: `own header ${name}: ${describeField(value)}`,
    draft: (draft: Draft) =>
      withHeader({ ...draft, headers: draft.headers.filter(([own]) => own.toString() !== name) }, name, value),
  }));

const keys: fc.Arbitrary<Mutation> = fc
  .oneof(
    fc.constantFrom(97, 0xff, 0x2e, 0xc3, 0).map((byte) => Buffer.alloc(routingKeyBytesMax, byte)),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom("..", "#", "*.#", "x y", "\n", "é", "$".concat("{key}")).map((text) => Buffer.from(text)),
  )
  .map((tail) => ({
    label: `routing key + ${show(tail.toString("latin1"))}`,
    draft: (draft: Draft) => ({
      ...draft,
      routingKey: Buffer.concat([draft.routingKey, Buffer.from("."), tail]).subarray(0, routingKeyBytesMax),
    }),
  }));

const bodies: fc.Arbitrary<Mutation> = fc.oneof(
  { weight: 3, arbitrary: fc.nat(200).map((at) => bodyOf(`cut at ${at}`, (body) => body.subarray(0, at))) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(2, 3, 100)
      .map((times) =>
        bodyOf(`× ${times}`, (body) => Buffer.concat(Array(times).fill(body)).subarray(0, repeatedBytesMax)),
      ),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.nat(200), fc.uint8Array({ minLength: 1, maxLength: 8 }))
      .map(([at, bytes]) =>
        bodyOf(`${Buffer.from(bytes).toString("hex")} at ${at}`, (body) =>
          Buffer.concat([body.subarray(0, at), bytes, body.subarray(at)]),
        ),
      ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.nat(200), fc.nat(255))
      .map(([at, byte]) =>
        bodyOf(`byte ${at} is ${byte}`, (body) =>
          Buffer.from(body).fill(byte, Math.min(at, body.length), Math.min(at + 1, body.length)),
        ),
      ),
  },
  {
    weight: 2,
    arbitrary: fc
      .uint8Array({ maxLength: 100 })
      .map((bytes) => bodyOf(`binary ${Buffer.from(bytes).toString("hex")}`, () => Buffer.from(bytes))),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom("\n", "\r\n", "\0", " ", "\t", "\ufeff")
      .map((text) => bodyOf(`+ ${show(text)}`, (body) => Buffer.concat([body, Buffer.from(text)]))),
  },
  { weight: 2, arbitrary: oddJson.map((text) => bodyOf(show(text), () => Buffer.from(text))) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(8192, 8193, 65_536, 131_064)
      .map((bytes) =>
        bodyOf(`filled to ${bytes}`, (body) =>
          Buffer.concat([body, Buffer.alloc(Math.max(0, bytes - body.length), 97)]),
        ),
      ),
  },
);

function bodyOf(label: string, change: (body: Buffer) => Buffer): Mutation {
  return { label: `body ${label}`, draft: (draft) => ({ ...draft, body: change(draft.body) }) };
}

const bigBody = fc
  .constantFrom(...bigBodyBytes)
  .map((bytes) => bodyOf(`of ${bytes} bytes`, () => Buffer.alloc(bytes, 120)));

const odd = fc
  .oneof(oddFileNames, oddNumbers, oddJson)
  .map((text) => Buffer.from(text).subarray(0, routingKeyBytesMax));
const times = fc.constantFrom(
  0n,
  1n,
  2n ** 31n,
  2n ** 32n,
  253_402_300_800n,
  8_640_000_000_001n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
);
const properties: fc.Arbitrary<Mutation> = fc.oneof(
  { weight: 3, arbitrary: times.map((timestamp) => propertyOf("timestamp", timestamp)) },
  fc.constantFrom(0, 1, 9, 10, 255).map((priority) => propertyOf("priority", priority)),
  fc.constantFrom(1, 2).map((mode) => propertyOf("deliveryMode", mode)),
  fc
    .tuple(fc.constantFrom("contentType", "contentEncoding", "correlationId", "replyTo", "type", "appId"), odd)
    .map(([name, text]) => propertyOf(name, text)),
);

/** None that is over at once: what expires in its queue is nobody's to settle. */
const expirations = fc.constantFrom(
  "",
  "x",
  "-1",
  "1e3",
  "1.5",
  "3600000",
  "4294967295",
  "4294967296",
  "9".repeat(200),
);

const risky: fc.Arbitrary<Mutation> = fc.oneof(
  expirations.map((text) => ({ ...propertyOf("expiration", Buffer.from(text)), isRisky: true })),
  fc.constantFrom(0, 3, 255).map((mode) => ({ ...propertyOf("deliveryMode", mode), isRisky: true })),
  riskyHeaders.map(([name, value]) => ({
    label: `header ${show(name.toString("latin1"))}: ${describeField(value)}`,
    draft: (draft: Draft) => withHeader(draft, name, value),
    isRisky: true,
  })),
  fc
    .tuple(fc.constantFrom("userId", "replyTo"), odd)
    .map(([name, text]) => ({ ...propertyOf(name, text), isRisky: true })),
);

function propertyOf(name: string, value: Buffer | bigint | number): Mutation {
  const shown = Buffer.isBuffer(value) ? show(value.toString("latin1")) : String(value);
  return {
    label: `${name} ${shown}`,
    draft: (draft) => ({ ...draft, properties: { ...draft.properties, [name]: value } }),
  };
}

/** One to three changes of what makes one message. `more`: of one agent's own inputs. */
export function mutationsOf(...more: readonly fc.WeightedArbitrary<Mutation>[]): fc.Arbitrary<Mutation[]> {
  const one = fc.oneof(
    { weight: 60, arbitrary: parts },
    { weight: 40, arbitrary: headers },
    { weight: 25, arbitrary: ownHeader },
    { weight: 20, arbitrary: keys },
    { weight: 40, arbitrary: bodies },
    { weight: 30, arbitrary: properties },
    { weight: 2, arbitrary: risky },
    { weight: 1, arbitrary: bigBody },
    ...more,
  );
  return fc.array(one, { minLength: 1, maxLength: 3 });
}
