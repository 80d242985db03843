import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readArguments, readDefinition, sentArguments, sentDefinition } from "./arguments.ts";

describe("the result of a read", () => {
  const texts = fc.dictionary(
    fc.string({ minLength: 1 }),
    fc.oneof(fc.string(), fc.constantFrom("007", "5", "-3", "1e3")),
  );

  it("is the program's own definition if the broker has what was sent", () => {
    fc.assert(
      fc.property(texts, (given) => {
        expect(readDefinition(given, sentDefinition(given))).toEqual(given);
      }),
    );
  });

  it("is, at an import, a definition that would be sent as the broker has it", () => {
    const definitions = fc.dictionary(fc.string(), fc.oneof(fc.integer(), fc.constantFrom("all", "cmc.dead")));
    fc.assert(
      fc.property(definitions, (actual) => {
        expect(sentDefinition(readDefinition({}, actual))).toEqual(actual);
      }),
    );
  });

  it("is arguments that would be sent as the broker has them, as JSON only if strings can't express them", () => {
    expect(readArguments({}, { a: "1" })).toEqual({ arguments: { a: "1" } });
    expect(readArguments({}, { b: 1, a: "1" })).toEqual({ argumentsJson: '{"a":"1","b":1}' });
    const anything = fc.dictionary(fc.string(), fc.oneof(fc.integer(), fc.string(), fc.boolean()));
    fc.assert(
      fc.property(anything, (actual) => {
        expect(sentArguments(readArguments({}, actual))).toEqual(actual);
      }),
    );
  });
});
