import type { ProviderDefinition } from "./handlers.ts";
import type { Field, FieldType, Shape } from "./shape.ts";
import type { PropertyMap, Value } from "./values.ts";

/** The package schema of this plugin in the published format, with inline types and without descriptions. */
export function packageSchema(definition: ProviderDefinition): PropertyMap {
  const resources = definition.resources.map((resource) => [
    resource.token,
    {
      ...objectSchema({ ...resource.inputs, ...resource.computed }),
      inputProperties: propertySchemas(resource.inputs),
      requiredInputs: requiredNames(resource.inputs),
    },
  ]);
  return {
    name: definition.name,
    version: definition.version,
    config: { variables: propertySchemas(definition.config) },
    provider: { inputProperties: propertySchemas(definition.config), requiredInputs: requiredNames(definition.config) },
    resources: Object.fromEntries(resources),
  };
}

function objectSchema(shape: Shape): PropertyMap {
  return { type: "object", properties: propertySchemas(shape), required: requiredNames(shape) };
}

function requiredNames(shape: Shape): readonly string[] {
  return Object.keys(shape).filter((name) => shape[name]?.required);
}

function propertySchemas(shape: Shape): PropertyMap {
  return Object.fromEntries(Object.entries(shape).map(([name, field]) => [name, propertySchema(field)]));
}

function propertySchema(field: Field): PropertyMap {
  return {
    ...typeSchema(field.type),
    ...(field.secret ? { secret: true } : {}),
    ...(field.replaceOnChange ? { replaceOnChanges: true } : {}),
    ...(field.default === undefined ? {} : { default: field.default }),
  };
}

const references: { readonly [type: string]: string } = {
  any: "pulumi.json#/Any",
  asset: "pulumi.json#/Asset",
};

function typeSchema(type: FieldType): { readonly [name: string]: Value } {
  if (typeof type === "string") {
    const $ref = references[type];
    return $ref === undefined ? { type } : { $ref };
  }
  if ("oneOf" in type) return { type: "string", enum: type.oneOf.map((value) => ({ value })) };
  if ("list" in type) return { type: "array", items: typeSchema(type.list) };
  if ("map" in type) return { type: "object", additionalProperties: typeSchema(type.map) };
  return { ...objectSchema(type.object) };
}
