import type { Value } from "./values.ts";
import { containsUnknown, isAsset, isList, isMap, isSecret, type PropertyMap, secret, unknown } from "./values.ts";

/** The type of one property, as in package schemas. `oneOf` is a string with a fixed set of values. */
export type FieldType =
  | "string"
  | "number"
  | "integer"
  | "boolean"
  | "any"
  | "asset"
  | { readonly list: FieldType }
  | { readonly map: FieldType }
  | { readonly object: Shape }
  | { readonly oneOf: readonly string[] };

export interface Field {
  readonly type: FieldType;
  readonly required?: boolean;
  /** Marked as secret in inputs and state, even if the program did not mark it. */
  readonly secret?: boolean;
  /** A change of this input replaces the resource. */
  readonly replaceOnChange?: boolean;
  readonly default?: Value;
  /** An additional rule for a value of the right type. Returns the problem, without the value; undefined if there is none. */
  readonly rule?: (value: Value) => string | undefined;
}

export interface Shape {
  readonly [name: string]: Field;
}

/** A problem of an input: its path, and what was expected and found. Never the value, which may be a secret. */
export interface Failure {
  readonly path: string;
  readonly reason: string;
}

export interface Checked {
  readonly values: PropertyMap;
  readonly failures: readonly Failure[];
}

/** `version` and names beginning with `__` are the engine's own and pass every check. */
export function isInternal(name: string): boolean {
  return name === "version" || name.startsWith("__");
}

/**
 * Checks values against a shape and returns all failures, and the values with defaults filled in and secret fields marked. Unknown values pass;
 * they are checked once known. Null counts as absent.
 */
export function checkShape(shape: Shape, values: PropertyMap, path = ""): Checked {
  const checked: { [name: string]: Value } = {};
  const failures: Failure[] = [];
  for (const [name, value] of Object.entries(values)) {
    if (isInternal(name)) checked[name] = value;
    else if (!(name in shape) && value !== null) {
      failures.push({
        path: join(path, name),
        reason: `is not an input of this type; it has ${Object.keys(shape).join(", ")}`,
      });
    }
  }
  for (const [name, field] of Object.entries(shape)) {
    const given = values[name] ?? null;
    const value = given === null ? (field.default ?? null) : given;
    if (value === null) {
      if (field.required) failures.push({ path: join(path, name), reason: `is required (${describe(field.type)})` });
      continue;
    }
    const result = checkField(field, value, join(path, name));
    failures.push(...result.failures);
    checked[name] = field.secret ? secret(result.value) : result.value;
  }
  return { values: checked, failures };
}

interface CheckedValue {
  readonly value: Value;
  readonly failures: readonly Failure[];
}

function checkField(field: Field, value: Value, path: string): CheckedValue {
  const result = checkValue(field.type, value, path);
  if (result.failures.length > 0 || field.rule === undefined || containsUnknown(value)) return result;
  const reason = field.rule(isSecret(value) ? (value.value ?? null) : value);
  return reason === undefined ? result : { value: result.value, failures: [{ path, reason }] };
}

function checkValue(type: FieldType, value: Value, path: string): CheckedValue {
  if (isSecret(value)) {
    const inner = checkValue(type, value.value ?? null, path);
    return { value: secret(inner.value), failures: inner.failures };
  }
  if (value === unknown || type === "any") return { value, failures: [] };
  if (typeof type === "object") return checkComposite(type, value, path);
  return matches(type, value) ? { value, failures: [] } : mismatch(type, value, path);
}

function checkComposite(type: Exclude<FieldType, string>, value: Value, path: string): CheckedValue {
  if ("oneOf" in type) {
    const known = typeof value === "string" && type.oneOf.includes(value);
    return known ? { value, failures: [] } : mismatch(type, value, path);
  }
  if ("list" in type) {
    if (!isList(value)) return mismatch(type, value, path);
    const items = value.map((item, index) => checkValue(type.list, item, `${path}[${index}]`));
    return { value: items.map((item) => item.value), failures: items.flatMap((item) => item.failures) };
  }
  if (!isMap(value) || isAsset(value)) return mismatch(type, value, path);
  if ("object" in type) {
    const { values, failures } = checkShape(type.object, value, path);
    return { value: values, failures };
  }
  const entries = Object.entries(value).map(
    ([name, item]) => [name, checkValue(type.map, item, join(path, name))] as const,
  );
  return {
    value: Object.fromEntries(entries.map(([name, item]) => [name, item.value])),
    failures: entries.flatMap(([, item]) => item.failures),
  };
}

function matches(type: Extract<FieldType, string>, value: Value): boolean {
  switch (type) {
    case "integer":
      return Number.isInteger(value);
    case "asset":
      return isAsset(value);
    default:
      return typeof value === type;
  }
}

function mismatch(type: FieldType, value: Value, path: string): CheckedValue {
  return { value, failures: [{ path, reason: `expected ${describe(type)}, got ${kindOf(value)}` }] };
}

export function describe(type: FieldType): string {
  if (typeof type === "string") return /^[aio]/.test(type) ? `an ${type}` : `a ${type}`;
  if ("oneOf" in type) return `one of ${type.oneOf.join(", ")}`;
  if ("list" in type) return "a list";
  return "a map";
}

function kindOf(value: Value): string {
  if (value === null) return "nothing";
  if (isList(value)) return "a list";
  if (isAsset(value)) return "an asset";
  if (isMap(value)) return "a map";
  if (typeof value === "number" && !Number.isInteger(value)) return "a fraction";
  return typeof value === "string" ? "another string" : `a ${typeof value}`;
}

/** Appends a name to a property path. Names with special characters are quoted in brackets, as in the engine. */
export function join(path: string, name: string): string {
  if (!/^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(name)) return `${path}["${name.replaceAll('"', '\\"')}"]`;
  return path === "" ? name : `${path}.${name}`;
}
