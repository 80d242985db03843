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

/**
 * The texts to keep out of logs and errors. Where an object names its secret fields itself (a connection: its password, its
 * keys), only those count, so that messages can still name the host.
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
