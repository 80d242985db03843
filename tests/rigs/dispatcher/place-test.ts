import { test as plainTest } from "vitest";
import { Place } from "./place.ts";
import { Rig } from "./rig.ts";

/**
 * `test` with a real broker, shared by all tests of a file, and for each test its own exchange, queues, announcer and puller. They are made
 * on demand, and always removed after the test, with dispatchers and load.
 */
export const placeTest = plainTest
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads a fixture's dependencies from this pattern
  .extend("rig", { scope: "file" }, async ({}, { onCleanup }): Promise<Rig> => {
    const rig = await Rig.start();
    onCleanup(() => rig.stop());
    return rig;
  })
  .extend("place", async ({ rig }, { onCleanup }): Promise<Place> => {
    const place = await Place.open(rig);
    onCleanup(() => place.close());
    return place;
  });
