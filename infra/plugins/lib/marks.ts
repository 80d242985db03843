import type { Computed } from "./handlers.ts";
import type { FieldType, Shape } from "./shape.ts";
import {
  containsSecret,
  isMap,
  type PropertyMap,
  reveal,
  same,
  secret,
  secretTexts,
  unknown,
  type Value,
} from "./values.ts";

/** The names and secret rules of a resource or function. */
export interface Declared {
  readonly inputs: Shape;
  readonly computed: { readonly [name: string]: Computed };
}

/** Names of the properties that contain a secret at any depth. */
export function secretNames(values: PropertyMap): ReadonlySet<string> {
  return new Set(Object.keys(values).filter((name) => containsSecret(values[name])));
}

/**
 * Restores secret marks on a handler's plain outputs. An output that repeats an input keeps that input's marks; one that differs from a secret
 * input is secret; a computed one is secret by its own rule.
 */
export function markOutputs(declared: Declared, inputs: PropertyMap, outputs: PropertyMap): PropertyMap {
  const secrets = secretNames(inputs);
  const marked: { [name: string]: Value } = {};
  for (const [name, value] of Object.entries(outputs)) {
    const input = inputs[name];
    const field = declared.inputs[name] ?? declared.computed[name];
    if (input !== undefined && same(input, value)) marked[name] = field?.secret ? secret(input) : input;
    else if (field?.secret || secrets.has(name) || mayReveal(declared.computed[name], secrets))
      marked[name] = secret(value);
    else marked[name] = value;
  }
  return marked;
}

function mayReveal(field: Computed | undefined, secrets: ReadonlySet<string>): boolean {
  return field?.secretWith?.some((name) => secrets.has(name)) ?? false;
}

/** Outputs in a preview: the new inputs, and unknown for outputs that only the real run provides. */
export function previewOutputs(declared: Declared, inputs: PropertyMap): PropertyMap {
  const computed = Object.keys(declared.computed).map((name) => [name, unknown]);
  return { ...Object.fromEntries(computed), ...inputs };
}

/**
 * Texts to mask in logs and errors. If an object has secret fields of its own (a connection: its password and keys), only these are masked, so that
 * messages can still name the host.
 */
export function textsToMask(fields: Shape, values: PropertyMap): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const field = fields[name];
    const inner = field === undefined ? undefined : shapeOf(field.type);
    const plain = reveal(value);
    if (inner !== undefined && namesSecrets(inner) && isMap(plain)) return textsToMask(inner, plain);
    return secretTexts(value, field?.secret ?? false);
  });
}

function shapeOf(type: FieldType): Shape | undefined {
  return typeof type === "object" && "object" in type ? type.object : undefined;
}

function namesSecrets(shape: Shape): boolean {
  return Object.values(shape).some((field) => field.secret);
}
