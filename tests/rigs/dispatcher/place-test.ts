import { test as plainTest } from "vitest";
import { Place } from "./place.ts";
import { Rig } from "./rig.ts";

/**
 * `test` with a real broker that all tests of a file share, and for each a place of its own: exchange, queues, announcer, puller. Made where a
 * test asks for them, and taken down after it in any case, with dispatchers and load.
 */
export const placeTest = plainTest
  // biome-ignore lint/correctness/noEmptyPattern: what a fixture uses is read from this pattern
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
