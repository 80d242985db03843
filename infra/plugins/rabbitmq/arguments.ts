import type { Failure } from "../lib/shape.ts";
import { isList, isMap, isSecret, type PropertyMap, reveal, same, secret, unknown, type Value } from "../lib/values.ts";
import { map } from "./naming.ts";

/**
 * Arguments of queues, exchanges and bindings are typed on the broker (a string "5" is not the number 5). Inputs have them either as `arguments`, a
 * map of strings that are sent as strings, or as `argumentsJson` with any types.
 */
export function sentArguments(inputs: PropertyMap): PropertyMap {
  const json = inputs.argumentsJson;
  return typeof json === "string" ? map(JSON.parse(json) as Value) : map(inputs.arguments);
}

/** The inputs that represent the actual arguments: unchanged if equal, else in the program's form if that can express them. */
export function readArguments(given: PropertyMap, actual: PropertyMap): PropertyMap {
  const before = pick(given);
  if (same(sentArguments(given), actual)) return before;
  const plain = Object.values(actual).every((value) => typeof value === "string");
  if (plain && typeof given.argumentsJson !== "string") return { arguments: actual };
  return { argumentsJson: canonicalJson(actual) };
}

function pick({ arguments: plain, argumentsJson }: PropertyMap): PropertyMap {
  return {
    ...(plain === undefined ? {} : { arguments: plain }),
    ...(argumentsJson === undefined ? {} : { argumentsJson }),
  };
}

/** JSON with sorted keys and no blanks, so that equal texts compare equal. */
function canonicalJson(value: Value): string {
  return JSON.stringify(value, (_, item: Value) =>
    isMap(item) ? Object.fromEntries(Object.entries(item).sort(([left], [right]) => (left < right ? -1 : 1))) : item,
  );
}

/** Brings `argumentsJson` into canonical form if it is known. */
export function completeArguments(inputs: PropertyMap): PropertyMap {
  const json = inputs.argumentsJson;
  if (json === undefined || json === unknown) return inputs;
  const canonical = canonicalJson(JSON.parse(String(reveal(json))) as Value);
  return { ...inputs, argumentsJson: isSecret(json) ? secret(canonical) : canonical };
}

export function isJsonObject(value: Value): string | undefined {
  try {
    return typeof value === "string" && isMap(JSON.parse(value) as Value) ? undefined : "expected a JSON object";
  } catch {
    return "expected a JSON object, got text that is not JSON";
  }
}

export function eitherArguments(inputs: PropertyMap, path: string): readonly Failure[] {
  if (inputs.arguments === undefined || inputs.argumentsJson === undefined) return [];
  return [{ path: `${path}argumentsJson`, reason: "can't be used together with `arguments`; put all of them here" }];
}

/** Applies a function to a value inside its secret mark, unless it is unknown. */
export function whenKnown(value: Value | undefined, change: (value: Value) => Value): Value | undefined {
  if (value === undefined || value === unknown) return value;
  return isSecret(value) ? secret(change(value.value ?? null)) : change(value);
}

/**
 * A policy's definition is a map of strings in the program, but typed on the broker. As in the official provider, whole numbers are sent as numbers,
 * and `ha-params` of `ha-mode: nodes` is a list, separated by commas.
 */
export function sentDefinition(definition: PropertyMap): PropertyMap {
  const typed = Object.entries(definition).map(([key, value]): [string, Value] => {
    if (typeof value !== "string") return [key, value];
    if (key === "ha-params" && definition["ha-mode"] === "nodes") return [key, value.split(",")];
    const number = Number(value);
    return [key, /^[+-]?\d+$/.test(value) && Number.isSafeInteger(number) ? number : value];
  });
  return Object.fromEntries(typed);
}

/** The actual definition as strings; the given one if they are equal. */
export function readDefinition(given: PropertyMap, actual: PropertyMap): PropertyMap {
  if (same(sentDefinition(given), actual)) return given;
  const texts = Object.entries(actual).map(([key, value]): [string, Value] => {
    if (typeof value === "string") return [key, value];
    if (isList(value)) return [key, value.join(",")];
    return [key, JSON.stringify(value)];
  });
  return Object.fromEntries(texts);
}
