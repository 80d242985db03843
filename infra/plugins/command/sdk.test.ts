import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ProviderProcess, startProvider } from "../lib/provider-client.ts";

// Compares what this provider accepts and returns with what the installed SDK, generated from the official schema, sends and expects. It accepts a
// part of that. Inner types are compared with the SDK's declarations if these are simple.

const sdk = dirname(createRequire(import.meta.url).resolve("@pulumi/command"));

const resources = [
  ["command:remote:Command", "remote/command"],
  ["command:remote:CopyToRemote", "remote/copyToRemote"],
] as const;

interface PropertySchema {
  readonly type?: string;
  readonly $ref?: string;
  readonly items?: PropertySchema;
  readonly additionalProperties?: PropertySchema;
  readonly enum?: readonly { readonly value: string }[];
  readonly properties?: { readonly [name: string]: PropertySchema };
  readonly required?: readonly string[];
  readonly default?: unknown;
}

interface ResourceSchema {
  readonly properties: { readonly [name: string]: PropertySchema };
  readonly inputProperties: {
    readonly [name: string]: PropertySchema & { replaceOnChanges?: boolean; secret?: boolean };
  };
  readonly requiredInputs: readonly string[];
}

let provider: ProviderProcess;
let schema: { name: string; version: string; resources: { [token: string]: ResourceSchema } };

beforeAll(async () => {
  provider = await startProvider(join(import.meta.dirname, "main.ts"));
  schema = (await provider.schema()) as unknown as typeof schema;
});
afterAll(() => provider.stop());

function names(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ""))].sort();
}

/** The members of an interface in a declaration file, and what each one's `pulumi.Input` holds. */
function declared(file: string, header: string): { readonly [name: string]: string } {
  const text = readFileSync(join(sdk, file), "utf8");
  const body = text.slice(text.indexOf(header)).replaceAll(/\/\*\*.*?\*\//gs, "");
  return Object.fromEntries(
    [...body.matchAll(/^ {4}(\w+)\??: pulumi\.Input<([\s\S]*?)>;$/gm)].map((m) => [m[1], m[2]]),
  );
}

/** The type of a property as the SDK's declarations write it. */
function typeText(property: PropertySchema): string {
  if (property.enum) return "enums";
  if (property.items) return `${property.items.$ref ? "any" : `pulumi.Input<${typeText(property.items)}>`}[]`;
  if (property.additionalProperties) return "map";
  if (property.properties) return "object";
  if (property.$ref) return "asset";
  return property.type === "integer" ? "number" : (property.type ?? "");
}

function sdkTypeText(text: string): string {
  if (text.startsWith("enums.")) return "enums";
  if (text.startsWith("inputs.")) return "object";
  if (text.startsWith("pulumi.asset.")) return "asset";
  return text.startsWith("{") ? "map" : text;
}

describe.each(resources)("%s", (token, module) => {
  const code = readFileSync(join(sdk, `${module}.js`), "utf8");

  it("accepts inputs that the SDK sends, with the SDK's types", () => {
    const inputs = schema.resources[token]?.inputProperties ?? {};
    expect(names(code, /resourceInputs\["(\w+)"\] = .*\bargs\b/g)).toEqual(expect.arrayContaining(Object.keys(inputs)));
    const types = declared(`${module}.d.ts`, "export interface");
    const mine = Object.entries(inputs).map(([name, property]) => [name, typeText(property)]);
    const theirs = Object.entries(types).map(([name, text]) => [name, sdkTypeText(text)]);
    expect(Object.fromEntries(theirs)).toMatchObject(Object.fromEntries(mine));
  });

  it("returns every output that the SDK reads", () => {
    const properties = Object.keys(schema.resources[token]?.properties ?? {});
    const inputs = names(code, /resourceInputs\["(\w+)"\] = .*\bargs\b/g);
    const outputs = names(code, /resourceInputs\["(\w+)"\] =/g).filter((name) => !inputs.includes(name));
    expect(properties).toEqual(expect.arrayContaining(outputs));
  });

  it("has the same required, secret and replacing inputs as the SDK", () => {
    const { inputProperties = {}, requiredInputs = [] } = schema.resources[token] ?? {};
    const having = (key: "secret" | "replaceOnChanges") =>
      Object.keys(inputProperties).filter((name) => inputProperties[name]?.[key]);
    expect([...requiredInputs].sort()).toEqual(names(code, /Missing required property '(\w+)'/g));
    expect(having("secret")).toEqual(names(code, /additionalSecretOutputs: \["(\w+)"\]/g));
    expect(having("replaceOnChanges")).toEqual(names(code, /replaceOnChanges: \["(\w+)\[\*\]"\]/g));
  });
});

it("a connection and its proxy have fields of the SDK, with its defaults", () => {
  const connection = schema.resources["command:remote:Command"]?.inputProperties.connection;
  const file = readFileSync(join(sdk, "types/input.d.ts"), "utf8");
  const fields = (header: string) => {
    const body = file.slice(file.indexOf(header)).replaceAll(/\/\*\*.*?\*\//gs, "");
    return names(body.slice(0, body.indexOf("\n    }")), /(\w+)\??: pulumi\.Input</g);
  };
  const mine = Object.keys(connection?.properties ?? {});
  expect(fields("interface ConnectionArgs")).toEqual(expect.arrayContaining(mine));
  const proxy = connection?.properties?.proxy?.properties ?? {};
  expect(fields("interface ProxyConnectionArgs")).toEqual(expect.arrayContaining(Object.keys(proxy)));
  const code = readFileSync(join(sdk, "types/input.js"), "utf8");
  const body = code.slice(code.indexOf("function connectionArgsProvideDefaults"));
  const defaults = [...body.slice(0, body.indexOf("};")).matchAll(/(\w+): \(val\.\1\) \?\? (.+),?$/gm)].map(
    ([, name, value]) => [name, JSON.parse((value ?? "").replace(/,$/, ""))],
  );
  const given = Object.entries(connection?.properties ?? {}).filter(([, field]) => field.default !== undefined);
  expect(Object.fromEntries(given.map(([name, field]) => [name, field.default]))).toEqual(Object.fromEntries(defaults));
});

it("has the version of the installed SDK", () => {
  const { version } = JSON.parse(readFileSync(join(sdk, "package.json"), "utf8"));
  expect([schema.name, schema.version]).toEqual(["command", version]);
});

it("starts fast enough for a preview", () => {
  expect(provider.plugin.startMs).toBeLessThan(1000);
});
