/**
 * A record sorted by name. The engine returns maps in another order than the stack file has them, and consecutive port numbers must be the
 * same for every reader of the config.
 */
export const byName = <Value>(record: Readonly<Record<string, Value>>): Record<string, Value> =>
  Object.fromEntries(Object.entries(record).toSorted(([one], [other]) => (one < other ? -1 : 1)));
