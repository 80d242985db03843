import type { Computed } from "./handlers.ts";
import type { Shape } from "./shape.ts";
import { containsSecret, type PropertyMap, same, secret, unknown, type Value } from "./values.ts";

/** The names and secret rules of a resource or function. */
export interface Declared {
  readonly inputs: Shape;
  readonly computed: { readonly [name: string]: Computed };
}

/** Names of the properties that hold a secret at some depth. */
export function secretNames(values: PropertyMap): ReadonlySet<string> {
  return new Set(Object.keys(values).filter((name) => containsSecret(values[name])));
}

/**
 * Puts secret marks on outputs that a handler made from plain values. An output that repeats an input keeps the input's own
 * marks; one that differs from a secret input is secret as a whole; a computed one is secret by its own rule.
 */
export function markOutputs(declared: Declared, inputs: PropertyMap, outputs: PropertyMap): PropertyMap {
  const secrets = secretNames(inputs);
  const marked: { [name: string]: Value } = {};
  for (const [name, value] of Object.entries(outputs)) {
    const input = inputs[name];
    const field = declared.inputs[name] ?? declared.computed[name];
    if (input !== undefined && same(input, value)) marked[name] = field?.secret ? secret(input) : input;
    else if (field?.secret || secrets.has(name) || isTold(declared.computed[name], secrets))
      marked[name] = secret(value);
    else marked[name] = value;
  }
  return marked;
}

function isTold(field: Computed | undefined, secrets: ReadonlySet<string>): boolean {
  return field?.secretWith?.some((name) => secrets.has(name)) ?? false;
}

/** What a preview shows: the inputs as they will be, and unknown for what only the real run can tell. */
export function previewOutputs(declared: Declared, inputs: PropertyMap, state: PropertyMap | undefined): PropertyMap {
  const outputs: { [name: string]: Value } = { ...inputs };
  for (const [name, field] of Object.entries(declared.computed)) {
    if (name in inputs) continue;
    outputs[name] = (field.stable ? state?.[name] : undefined) ?? unknown;
  }
  return outputs;
}
