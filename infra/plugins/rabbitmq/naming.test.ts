import { describe, expect, it } from "vitest";
import type { Completion } from "../lib/handlers.ts";
import { completeName, fromId, idInVhost } from "./naming.ts";

describe("an id", () => {
  it("is split at its last @ at an import; otherwise the state takes precedence", () => {
    expect(fromId(idInVhost("feeder@cmc", "/"), {})).toEqual({ name: "feeder@cmc", vhost: "/" });
    expect(fromId("a@b@c", { name: "a", vhost: "b@c" })).toEqual({ name: "a", vhost: "b@c" });
    expect(() => fromId("nameless", {})).toThrow('id "nameless": expected name@vhost');
  });
});

describe("a name that the program left out", () => {
  const completion: Completion = { name: "cmc", olds: {}, randomSeed: Buffer.from("seed"), autonaming: undefined };

  it("is the same for the same seed, kept between runs, and new for a replacement", () => {
    const first = completeName({}, completion);
    expect(completeName({}, completion)).toEqual(first);
    const other = { ...completion, randomSeed: Buffer.from("another") };
    expect(completeName({}, { ...other, olds: first })).toEqual(first);
    expect(completeName({}, other).name).not.toEqual(first.name);
  });

  it("follows the stack's autonaming settings", () => {
    const proposed = { ...completion, autonaming: { name: "cmc-prod", mode: "propose" as const } };
    expect(completeName({}, proposed).name).toBe("cmc-prod");
    const disabled = { ...completion, autonaming: { name: "", mode: "disable" as const } };
    expect(() => completeName({}, disabled)).toThrow("name: is required");
  });

  it("does not reuse a name that the program gave before", () => {
    expect(completeName({}, { ...completion, olds: { name: "given" } }).name).not.toBe("given");
  });
});
