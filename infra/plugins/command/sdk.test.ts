import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type * as rpc from "@pulumi/pulumi/proto/plugin_pb.js";
import emptyMessages from "google-protobuf/google/protobuf/empty_pb.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answer, type ProviderProcess, startProvider } from "../lib/provider-client.ts";
import type { FieldType } from "../lib/shape.ts";
import { connectionShape } from "./connection.ts";
import { copyToRemote } from "./copy-to-remote.ts";
import { ConnectionPool } from "./pool.ts";
import { remoteCommand } from "./remote-command.ts";

// Compares what this provider accepts and returns with what the installed SDK, generated from the official schema, sends and expects. It accepts a
// part of that. Inner types are compared with the SDK's declarations if these are simple.

const sdk = dirname(createRequire(import.meta.url).resolve("@pulumi/command"));

const pool = new ConnectionPool();
const resources = [
  ["remote/command", remoteCommand(pool)],
  ["remote/copyToRemote", copyToRemote(pool)],
] as const;

let provider: ProviderProcess;

beforeAll(async () => {
  provider = await startProvider(join(import.meta.dirname, "main.ts"));
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

/** A type as the SDK's declarations write it. */
function typeText(type: FieldType): string {
  if (type === "integer" || typeof type === "string") return type === "integer" ? "number" : type;
  if ("oneOf" in type) return "enums";
  if ("list" in type) return `${type.list === "any" ? "any" : `pulumi.Input<${typeText(type.list)}>`}[]`;
  return "map" in type ? "map" : "object";
}

function sdkTypeText(text: string): string {
  if (text.startsWith("enums.")) return "enums";
  if (text.startsWith("inputs.")) return "object";
  if (text.startsWith("pulumi.asset.")) return "asset";
  return text.startsWith("{") ? "map" : text;
}

describe.each(resources)("%s", (module, { inputs, computed }) => {
  const code = readFileSync(join(sdk, `${module}.js`), "utf8");
  const sent = names(code, /resourceInputs\["(\w+)"\] = .*\bargs\b/g);

  it("accepts inputs that the SDK sends, with the SDK's types", () => {
    expect(sent).toEqual(expect.arrayContaining(Object.keys(inputs)));
    const types = declared(`${module}.d.ts`, "export interface");
    const mine = Object.entries(inputs).map(([name, { type }]) => [name, typeText(type)]);
    const theirs = Object.entries(types).map(([name, text]) => [name, sdkTypeText(text)]);
    expect(Object.fromEntries(theirs)).toMatchObject(Object.fromEntries(mine));
  });

  it("returns every output that the SDK reads", () => {
    const outputs = names(code, /resourceInputs\["(\w+)"\] =/g).filter((name) => !sent.includes(name));
    expect(Object.keys(computed).sort()).toEqual(outputs);
  });

  it("has the same required, secret and replacing inputs as the SDK", () => {
    const having = (key: "required" | "secret" | "replaceOnChange") =>
      Object.keys(inputs)
        .filter((name) => inputs[name]?.[key])
        .sort();
    expect(having("required")).toEqual(names(code, /Missing required property '(\w+)'/g));
    expect(having("secret")).toEqual(names(code, /additionalSecretOutputs: \["(\w+)"\]/g));
    expect(having("replaceOnChange")).toEqual(names(code, /replaceOnChanges: \["(\w+)\[\*\]"\]/g));
  });
});

it("a connection and its proxy have fields of the SDK, with its defaults", () => {
  const file = readFileSync(join(sdk, "types/input.d.ts"), "utf8");
  const fields = (header: string) => {
    const body = file.slice(file.indexOf(header)).replaceAll(/\/\*\*.*?\*\//gs, "");
    return names(body.slice(0, body.indexOf("\n    }")), /(\w+)\??: pulumi\.Input</g);
  };
  const { proxy: _proxy, ...endpoint } = connectionShape;
  for (const header of ["interface ConnectionArgs", "interface ProxyConnectionArgs"])
    expect(fields(header)).toEqual(expect.arrayContaining(Object.keys(endpoint)));
  expect(fields("interface ConnectionArgs")).toContain("proxy");
  const code = readFileSync(join(sdk, "types/input.js"), "utf8");
  const body = code.slice(code.indexOf("function connectionArgsProvideDefaults"));
  const defaults = [...body.slice(0, body.indexOf("};")).matchAll(/(\w+): \(val\.\1\) \?\? (.+),?$/gm)].map(
    ([, name, value]) => [name, JSON.parse((value ?? "").replace(/,$/, ""))],
  );
  const given = Object.entries(endpoint).filter(([, field]) => field.default !== undefined);
  expect(Object.fromEntries(given.map(([name, field]) => [name, field.default]))).toEqual(Object.fromEntries(defaults));
});

it("has the version of the installed SDK", async () => {
  const { version } = JSON.parse(readFileSync(join(sdk, "package.json"), "utf8"));
  const { client } = provider;
  const info = await answer<rpc.PluginInfo>((done) => client.getPluginInfo(new emptyMessages.Empty(), done));
  expect(info.getVersion()).toBe(version);
});

it("starts fast enough for a preview", () => {
  // A second on an idle machine; other tests run beside this one.
  expect(provider.plugin.startMs).toBeLessThan(4000);
});
