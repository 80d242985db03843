const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * The difference between two values as a JSON merge patch (RFC 7396): records are compared key by key, `null` removes a key, anything else
 * replaces. Undefined if they are equal.
 */
export function difference(from: unknown, to: unknown): unknown {
  if (!isRecord(from) || !isRecord(to)) return JSON.stringify(from) === JSON.stringify(to) ? undefined : to;
  const patch: [string, unknown][] = [];
  for (const key of Object.keys(from)) if (!Object.hasOwn(to, key) || to[key] === undefined) patch.push([key, null]);
  for (const [key, value] of Object.entries(to)) {
    if (value === undefined) continue;
    const part = Object.hasOwn(from, key) ? difference(from[key], value) : value;
    if (part !== undefined) patch.push([key, part]);
  }
  return patch.length === 0 ? undefined : Object.fromEntries(patch);
}

/** The value with a merge patch applied. Parts that it does not name stay the same objects. */
export function patched(value: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const entries = new Map(isRecord(value) ? Object.entries(value) : []);
  for (const [key, part] of Object.entries(patch)) {
    if (part === null) entries.delete(key);
    else entries.set(key, patched(entries.get(key), part));
  }
  return Object.fromEntries(entries);
}
