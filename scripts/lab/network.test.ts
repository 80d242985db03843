import { describe, expect, it } from "vitest";
import { masquerading, overlaps } from "./network.ts";

describe("a lab's subnet", () => {
  it.each(["10.203.7.0/24", "10.203.7.128/25", "10.203.7.9", "10.203.0.0/16", "10.203.6.0/23"])(
    "is taken by a route to %s",
    (destination) => expect(overlaps(destination, 7)).toBe(true),
  );

  it.each(["default", "10.203.8.0/24", "10.203.8.0/22", "10.0.0.0/8", "192.0.2.0/24", "fe80::/64", ""])(
    "is free beside a route to %s",
    (destination) => expect(overlaps(destination, 7)).toBe(false),
  );
});

it("only packets that leave the subnet are masqueraded, so hosts see each other's true addresses", () => {
  expect(masquerading(7)).toContain("ip saddr 10.203.7.0/24 ip daddr != 10.203.7.0/24 masquerade");
});
