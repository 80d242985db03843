/** What each gives, all asked at the same time, as one list in their order. */
export const fromAll = async <Item, Found>(
  items: readonly Item[],
  ask: (item: Item) => Promise<readonly Found[]>,
): Promise<Found[]> => (await Promise.all(items.map(ask))).flat();
