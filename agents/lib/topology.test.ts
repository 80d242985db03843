import { expect, test } from "vitest";
import { replicationArguments } from "./topology.ts";

test.each([
  ["classic", "3.10.8", {}],
  ["classic", "4.0.5", {}],
  // There, -1 is a limit that the first redelivery exceeds.
  ["quorum", "3.10.8", { "x-queue-type": "quorum" }],
  ["quorum", undefined, { "x-queue-type": "quorum" }],
  ["quorum", "4.0.5", { "x-queue-type": "quorum", "x-delivery-limit": -1 }],
  ["quorum", "10.1.0", { "x-queue-type": "quorum", "x-delivery-limit": -1 }],
] as const)("a %s queue of a broker of version %s is declared with %j", (type, brokerVersion, expected) => {
  expect(replicationArguments({ type, brokerVersion })).toEqual(expected);
});
