/**
 * Property values of the engine's protocol: JSON in which marked objects represent secrets and assets, and a marked string represents a
 * value that is not known yet. The marks are part of the published protocol (sdk/go/common/resource in pulumi/pulumi).
 */
export type Value = null | boolean | number | string | readonly Value[] | PropertyMap;
export interface PropertyMap {
  readonly [name: string]: Value;
}

const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
const assetSignature = "c44067f5952c0a294b673a41bacd8c17";

/** Represents a value that is known only after an update. */
export const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export function isMap(value: Value | undefined): value is PropertyMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

function hasSignature(value: Value | undefined, signature: string): value is PropertyMap {
  return isMap(value) && value[signatureKey] === signature;
}

export function isSecret(value: Value | undefined): value is PropertyMap {
  return hasSignature(value, secretSignature);
}

/** Marks a value as secret; a marked value stays as it is. */
export function secret(value: Value): Value {
  return isSecret(value) ? value : { [signatureKey]: secretSignature, value };
}

/** The used fields of an asset; one of another kind has no path. `hash` is the sha256 of its content. */
export interface Asset {
  readonly hash?: string;
  readonly path?: string;
}

export function isAsset(value: Value | undefined): value is PropertyMap & Asset {
  return hasSignature(value, assetSignature);
}

/** A path asset, for tests. */
export function pathAsset(path: string): PropertyMap {
  return { [signatureKey]: assetSignature, path };
}

/** The value without secret marks, at every depth. */
export function reveal(value: Value): Value {
  if (isSecret(value)) return reveal(value.value ?? null);
  if (isList(value)) return value.map(reveal);
  if (isMap(value)) return revealMap(value);
  return value;
}

export function revealMap(map: PropertyMap): PropertyMap {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, reveal(value)]));
}

function some(value: Value | undefined, test: (value: Value) => boolean): boolean {
  if (value === undefined) return false;
  if (test(value)) return true;
  if (isList(value)) return value.some((item) => some(item, test));
  return isMap(value) && Object.values(value).some((item) => some(item, test));
}

export function containsUnknown(value: Value | undefined): boolean {
  return some(value, (item) => item === unknown);
}

export function containsSecret(value: Value | undefined): boolean {
  return some(value, isSecret);
}

/** Every string inside a secret, for masking in logs and errors. */
export function secretTexts(value: Value, inSecret = false): string[] {
  if (isSecret(value)) return secretTexts(value.value ?? null, true);
  if (isList(value)) return value.flatMap((item) => secretTexts(item, inSecret));
  if (isMap(value)) return Object.values(value).flatMap((item) => secretTexts(item, inSecret));
  return inSecret && typeof value === "string" ? [value] : [];
}

/** Deep equality that ignores secret marks. Assets are equal if their contents are. */
export function same(left: Value | undefined, right: Value | undefined): boolean {
  if (isSecret(left)) return same(left.value ?? null, right);
  if (isSecret(right)) return same(left, right.value ?? null);
  if (left === right) return true;
  if (isList(left) && isList(right)) {
    return left.length === right.length && left.every((item, index) => same(item, right[index]));
  }
  if (!isMap(left) || !isMap(right)) return false;
  if (isAsset(left) && isAsset(right) && left.hash !== undefined && right.hash !== undefined) {
    return left.hash === right.hash;
  }
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].every((name) => same(left[name], right[name]));
}
