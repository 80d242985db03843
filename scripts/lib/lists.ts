/** Maps all items concurrently and concatenates the results in order. */
export const fromAll = async <Item, Found>(
  items: readonly Item[],
  ask: (item: Item) => Promise<readonly Found[]>,
): Promise<Found[]> => (await Promise.all(items.map(ask))).flat();
