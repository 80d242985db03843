import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Place, Rig } from "./rig.ts";
import type { DispatcherProcess } from "./rig-process.ts";

// Real dispatchers against a real broker, killed as a crash would end them. Not proved here: a cluster that loses a node in the middle of
// a publish, and cut networks.

let rig: Rig;
let place: Place;

beforeAll(async () => {
  rig = await Rig.start();
});
afterAll(() => rig?.stop());
beforeEach(async () => {
  place = await rig.place();
});
afterEach(() => place?.close());

/** It ends well, and the input queue is empty: everything was settled. */
async function endWell(dispatcher: DispatcherProcess): Promise<void> {
  expect(await dispatcher.end()).toEqual([0, null]);
  expect(await place.count(place.inputQueue)).toBe(0);
}

describe("one dispatcher", () => {
  test("sends each product that two radar servers announce on exactly once, and settles all", async () => {
    const dispatcher = await place.dispatcher();
    const keys = await place.announceFirst(400);
    await place.announceTwins(400);
    await place.allOut(keys);
    await endWell(dispatcher);
    expect([place.pulled.size, place.repeated]).toEqual([400, 0]);
  });
});
