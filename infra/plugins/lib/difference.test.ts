import fc from "fast-check";
import { expect, it } from "vitest";
import { compareInputs } from "./difference.ts";
import { type PropertyMap, secret, unknown } from "./values.ts";

const shape = { triggers: { type: { list: "any" }, replaceOnChange: true }, text: { type: "string" } } as const;

it("equal inputs have no difference, however they are marked", () => {
  const plain = fc.dictionary(fc.string(), fc.jsonValue()) as fc.Arbitrary<PropertyMap>;
  fc.assert(
    fc.property(plain, (inputs) => {
      const marked = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, secret(value)]));
      expect(compareInputs(shape, inputs, marked)).toEqual([]);
    }),
  );
});

it("goes down to the leaves that changed", () => {
  const olds = { map: { same: 1, gone: 1, other: 1 }, list: [1, 2, 3] };
  const news = { map: { same: 1, other: 2, "new one": 1 }, list: [1, 5] };
  expect(compareInputs({}, olds, news)).toEqual([
    { path: "map.gone", kind: "delete", replace: false },
    { path: "map.other", kind: "update", replace: false },
    { path: 'map["new one"]', kind: "add", replace: false },
    { path: "list[1]", kind: "update", replace: false },
    { path: "list[2]", kind: "delete", replace: false },
  ]);
});

it("replaces for inputs with that rule, and treats an unknown value as a change", () => {
  expect(compareInputs(shape, { triggers: [1], text: "a" }, { triggers: [unknown], text: unknown })).toEqual([
    { path: "triggers[0]", kind: "update", replace: true },
    { path: "text", kind: "update", replace: false },
  ]);
});

it("treats null as absent, and ignores the engine's own names", () => {
  expect(compareInputs(shape, { text: null, __defaults: [] }, { version: "1" })).toEqual([]);
});
