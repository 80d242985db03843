import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bindingId, parseBindingId } from "./binding.ts";

describe("a binding's id", () => {
  it("preserves every name in it", () => {
    const name = fc.string({ minLength: 1, unit: "grapheme" });
    const key = fc.string({ minLength: 1 }).map(encodeURIComponent);
    fc.assert(
      fc.property(name, name, name, key, (vhost, source, destination, propertiesKey) => {
        const place = { vhost, source, destination, destinationType: "queue" };
        expect(parseBindingId(bindingId(place, propertiesKey))).toEqual({ place, propertiesKey });
      }),
    );
  });
});
