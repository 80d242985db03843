import { isInternal, join, type Shape } from "./shape.ts";
import { isAsset, isList, isMap, isSecret, type PropertyMap, same, unknown, type Value } from "./values.ts";

/** A changed input: its property path, the kind of change, and whether it replaces the resource. */
export interface Change {
  readonly path: string;
  readonly kind: "add" | "delete" | "update";
  readonly replace: boolean;
}

/**
 * Differences between the inputs of the last run and of this one, down to single leaves, with the shape's replace rules. An unknown value counts
 * as a change. A change of secret marks alone doesn't, nor does an asset with the same content.
 */
export function compareInputs(shape: Shape, olds: PropertyMap, news: PropertyMap): readonly Change[] {
  const names = new Set([...Object.keys(olds), ...Object.keys(news)]);
  return [...names]
    .filter((name) => !isInternal(name))
    .flatMap((name) => {
      const replace = shape[name]?.replaceOnChange ?? false;
      return compareValues(name, olds[name], news[name]).map((change) => ({ ...change, replace }));
    });
}

type Leaf = Omit<Change, "replace">;

function compareValues(path: string, old: Value | undefined, next: Value | undefined): Leaf[] {
  if (isSecret(old)) return compareValues(path, old.value, next);
  if (isSecret(next)) return compareValues(path, old, next.value);
  const had = old !== undefined && old !== null;
  const has = next !== undefined && next !== null;
  if (!had || !has) {
    if (had === has) return [];
    return [{ path, kind: has ? "add" : "delete" }];
  }
  if (next === unknown) return [{ path, kind: "update" }];
  if (isList(old) && isList(next)) {
    const length = Math.max(old.length, next.length);
    return Array.from({ length }, (_, index) => compareValues(`${path}[${index}]`, old[index], next[index])).flat();
  }
  if (isPlainMap(old) && isPlainMap(next)) {
    const names = new Set([...Object.keys(old), ...Object.keys(next)]);
    return [...names].flatMap((name) => compareValues(join(path, name), old[name], next[name]));
  }
  return same(old, next) ? [] : [{ path, kind: "update" }];
}

function isPlainMap(value: Value): value is PropertyMap {
  return isMap(value) && !isAsset(value);
}
