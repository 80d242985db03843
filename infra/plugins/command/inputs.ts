import type { Computed, Operation } from "../lib/handlers.ts";
import type { Shape } from "../lib/shape.ts";
import { isMap, type PropertyMap } from "../lib/values.ts";
import type { StreamName } from "./output.ts";

/** Inputs that may pass secrets to a command, which may repeat them in its output. */
const secretCarriers = ["create", "update", "delete", "stdin", "environment"] as const;

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
  stdout: { type: "string", required: true, secretWith: [...secretCarriers, "command"] },
  stderr: { type: "string", required: true, secretWith: [...secretCarriers, "command"] },
};

export function text(values: PropertyMap, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

/** The environment that the program sets. */
export function environmentOf(inputs: PropertyMap): readonly (readonly [string, string])[] {
  const environment = inputs.environment;
  return isMap(environment) ? Object.entries(environment).map(([name, value]) => [name, String(value)] as const) : [];
}

/** Output of the last run, for the next one; empty if the program does not want it. */
export function previousOutputs(inputs: PropertyMap, state: PropertyMap): readonly (readonly [string, string])[] {
  if (inputs.addPreviousOutputInEnv === false) return [];
  const outputs = [
    ["PULUMI_COMMAND_STDOUT", text(state, "stdout")],
    ["PULUMI_COMMAND_STDERR", text(state, "stderr")],
  ] as const;
  return outputs.flatMap(([name, value]) => (value ? [[name, value] as const] : []));
}

/**
 * Logs a command's output lines to the engine as progress, as the input `logging` says. A command that gets secrets is not logged by default,
 * because a program may repeat them in forms that no mask recognises.
 */
export function lineLog(inputs: PropertyMap, operation: Operation): (stream: StreamName, line: string) => void {
  const hasSecrets = [...secretCarriers, "command"].some((name) => operation.secrets.has(name));
  const logging = text(inputs, "logging") ?? (hasSecrets ? "none" : "stdoutAndStderr");
  return (stream, line) => {
    if (logging.toLowerCase().includes(stream)) operation.log("info", line, { status: true });
  };
}

/** The script for an update: its own, or that of the create. */
export function updateScript(inputs: PropertyMap): string | undefined {
  return text(inputs, "update") ?? text(inputs, "create");
}
