import { describe, expect, it } from "vitest";
import { fromId, idInVhost } from "./naming.ts";

describe("an id", () => {
  it("is split at its last @ at an import; otherwise the state takes precedence", () => {
    expect(fromId(idInVhost("feeder@cmc", "/"), {})).toEqual({ name: "feeder@cmc", vhost: "/" });
    expect(fromId("a@b@c", { name: "a", vhost: "b@c" })).toEqual({ name: "a", vhost: "b@c" });
    expect(() => fromId("nameless", {})).toThrow('id "nameless": expected name@vhost');
  });
});
