import type { Computed, Operation } from "../lib/handlers.ts";
import type { Shape } from "../lib/shape.ts";
import { isMap, type PropertyMap } from "../lib/values.ts";
import type { StreamName } from "./output.ts";

/** Inputs that may tell secrets to a command, which may repeat them in its output. */
const tellers = ["create", "update", "delete", "stdin", "environment"] as const;

/** What local and remote commands have in common. */
export const scriptShape: Shape = {
  create: { type: "string" },
  update: { type: "string" },
  delete: { type: "string" },
  triggers: { type: { list: "any" }, replaceOnChange: true },
};

export const runShape: Shape = {
  stdin: { type: "string" },
  environment: { type: { map: "string" } },
  logging: { type: { oneOf: ["stdout", "stderr", "stdoutAndStderr", "none"] } },
  addPreviousOutputInEnv: { type: "boolean" },
};

export const outputShape: { readonly [name: string]: Computed } = {
  stdout: { type: "string", required: true, secretWith: [...tellers, "command"] },
  stderr: { type: "string", required: true, secretWith: [...tellers, "command"] },
};

export function text(values: PropertyMap, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

/** The environment that the program asked for. */
export function environmentOf(inputs: PropertyMap): readonly (readonly [string, string])[] {
  const environment = inputs.environment;
  return isMap(environment) ? Object.entries(environment).map(([name, value]) => [name, String(value)] as const) : [];
}

/** What the last run wrote, for the next one; empty when the program does not want it. */
export function previousOutputs(inputs: PropertyMap, state: PropertyMap): readonly (readonly [string, string])[] {
  if (inputs.addPreviousOutputInEnv === false) return [];
  const outputs = [
    ["PULUMI_COMMAND_STDOUT", text(state, "stdout")],
    ["PULUMI_COMMAND_STDERR", text(state, "stderr")],
  ] as const;
  return outputs.flatMap(([name, value]) => (value ? [[name, value] as const] : []));
}

/**
 * Where a command's lines go: to the engine as progress, by the `logging` input. Where secrets are told to the command and
 * nobody asked for logging, nowhere: a program repeats them in forms that no mask knows.
 */
export function lineLog(inputs: PropertyMap, operation: Operation): (stream: StreamName, line: string) => void {
  const told = [...tellers, "command"].some((name) => operation.secrets.has(name));
  const logging = text(inputs, "logging") ?? (told ? "none" : "stdoutAndStderr");
  return (stream, line) => {
    if (logging.toLowerCase().includes(stream)) operation.log("info", line, { status: true });
  };
}

/** The script for an update: its own, or that of the creation. */
export function updateScript(inputs: PropertyMap): string | undefined {
  return text(inputs, "update") ?? text(inputs, "create");
}
