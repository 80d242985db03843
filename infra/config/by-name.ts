/**
 * A record in the order of its names: the engine gives maps in another order than the stack file has them, and ports that are given one after the other
 * must be the same whoever reads the config.
 */
export const byName = <Value>(record: Readonly<Record<string, Value>>): Record<string, Value> =>
  Object.fromEntries(Object.entries(record).toSorted(([one], [other]) => (one < other ? -1 : 1)));
