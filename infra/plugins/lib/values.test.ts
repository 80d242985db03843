import fc from "fast-check";
import { expect, it } from "vitest";
import { fromStruct, toStruct } from "./structs.ts";
import {
  containsSecret,
  containsUnknown,
  type PropertyMap,
  pathAsset,
  reveal,
  same,
  secret,
  secretTexts,
  unknown,
  type Value,
} from "./values.ts";

// google-protobuf assigns keys: `__proto__` would be lost. No resource has a property of that name.
const propertyName = fc.string().filter((name) => name !== "__proto__");

const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.string({ unit: "grapheme" }),
    fc.array(tie("value")),
    fc.dictionary(propertyName, tie("value")) as fc.Arbitrary<PropertyMap>,
    tie("value").map(secret),
  ),
}));

it("every value survives the protocol's structures unchanged", () => {
  fc.assert(
    fc.property(value, (any) => {
      expect(fromStruct(toStruct({ any }))).toEqual({ any });
    }),
  );
});

it("revealing removes all marks and nothing else", () => {
  fc.assert(
    fc.property(value, (any) => {
      expect(containsSecret(reveal(any))).toBe(false);
      expect(same(any, reveal(any))).toBe(true);
      expect(reveal(secret(any))).toEqual(reveal(any));
    }),
  );
});

it("finds unknown values and the texts of secrets at any depth", () => {
  expect(containsUnknown({ a: [{ b: secret(unknown) }] })).toBe(true);
  expect(containsUnknown({ a: "known" })).toBe(false);
  expect(secretTexts({ a: "open", b: [secret({ c: "hidden", d: 5 })] })).toEqual(["hidden"]);
});

it("assets are compared by the hash of their content if known, else by their fields", () => {
  expect(same({ ...pathAsset("/a"), hash: "1" }, { ...pathAsset("/b"), hash: "1" })).toBe(true);
  expect(same({ ...pathAsset("/a"), hash: "1" }, { ...pathAsset("/a"), hash: "2" })).toBe(false);
  expect(same(pathAsset("/x"), pathAsset("/y"))).toBe(false);
  expect(same({ hash: "1", a: 1 }, { hash: "1", a: 2 })).toBe(false);
});
