import { randomBytes } from "node:crypto";
import type { Computed, Operation, ResourceHandler } from "../lib/handlers.ts";
import type { PropertyMap, Value } from "../lib/values.ts";
import { connectionField, endpointName, toConnection } from "./connection.ts";
import { DialError } from "./dial.ts";
import { commandFailure, type StreamName } from "./output.ts";
import type { ConnectionPool } from "./pool.ts";
import { runRemote } from "./session.ts";

/** Inputs that may pass secrets to a command, which may repeat them in its output. */
const secretCarriers = ["create", "update", "delete", "stdin"] as const;

const output: Computed = { type: "string", required: true, secretWith: secretCarriers };

/**
 * `command:remote:Command`: scripts on a host, over SSH. Without the official plugin's `environment`, and never with the last output in the
 * environment: a server refuses most variables, and scripts get what they need from `stdin`.
 */
export function remoteCommand(pool: ConnectionPool): ResourceHandler {
  return {
    token: "command:remote:Command",
    inputs: {
      connection: connectionField,
      create: { type: "string" },
      update: { type: "string" },
      delete: { type: "string" },
      triggers: { type: { list: "any" }, replaceOnChange: true },
      stdin: { type: "string" },
      logging: { type: { oneOf: ["stdout", "stderr", "stdoutAndStderr", "none"] } },
      addPreviousOutputInEnv: { type: "boolean", rule: notAdded },
    },
    computed: { stdout: output, stderr: output },
    // A program may leave out an update that repeats the create, or begin to. Nothing has to run for that.
    ignored: (olds, news) => {
      const script = updateScript(news);
      const isLeftOut = (text(olds, "update") === undefined) !== (text(news, "update") === undefined);
      return isLeftOut && script !== undefined && script === updateScript(olds) ? ["create", "update"] : [];
    },
    async create(inputs, operation) {
      const outputs = await run(pool, "create", text(inputs, "create"), inputs, {}, operation);
      return { id: newId(operation.name), outputs };
    },
    update(_id, state, inputs, operation) {
      const what = text(inputs, "update") === undefined ? "create" : "update";
      return run(pool, what, updateScript(inputs), inputs, state, operation);
    },
    async delete(_id, state, operation) {
      const script = text(state, "delete");
      if (script === undefined) return;
      await orGone(pool, state, operation, () => run(pool, "delete", script, state, state, operation));
    },
  };
}

function notAdded(value: Value): string | undefined {
  return value === false ? undefined : "is not supported: set it to false, or use the official plugin";
}

function text(values: PropertyMap, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

/** The script for an update: its own, or that of the create. */
function updateScript(inputs: PropertyMap): string | undefined {
  return text(inputs, "update") ?? text(inputs, "create");
}

/**
 * Logs a command's output lines to the engine as progress, as the input `logging` says. A command that gets secrets is not logged by default,
 * because a program may repeat them in forms that no mask recognises.
 */
function lineLog(inputs: PropertyMap, operation: Operation): (stream: StreamName, line: string) => void {
  const hasSecrets = secretCarriers.some((name) => operation.secrets.has(name));
  const logging = text(inputs, "logging") ?? (hasSecrets ? "none" : "stdoutAndStderr");
  return (stream, line) => {
    if (logging.toLowerCase().includes(stream)) operation.log("info", line, { status: true });
  };
}

/** Ids have no meaning here; they only have to be new. */
export function newId(name: string): string {
  return `${name}${randomBytes(4).toString("hex")}`;
}

async function run(
  pool: ConnectionPool,
  what: string,
  script: string | undefined,
  inputs: PropertyMap,
  state: PropertyMap,
  operation: Operation,
): Promise<PropertyMap> {
  // The engine keeps the inputs beside the outputs, and writes the state twice for each step: what is long is there once. The official plugin, which
  // may delete this later, finds the connection and the script for that in the outputs.
  const { create: _create, update: _update, stdin: _stdin, ...kept } = inputs;
  const outputs = { ...kept, stdout: state.stdout ?? "", stderr: state.stderr ?? "" };
  if (script === undefined) return outputs;
  const connection = toConnection(inputs.connection);
  const command = { text: script, stdin: text(inputs, "stdin") ?? "", onLine: lineLog(inputs, operation) };
  const result = await runRemote(pool, connection, command, operation);
  if (result.exitCode !== 0) throw commandFailure(endpointName(connection), what, result);
  return { ...outputs, stdout: result.stdout, stderr: result.stderr };
}

/**
 * Deleting on an unreachable host counts as done, with a warning: whatever was to be deleted is gone with the machine, and without this an
 * environment whose machine is gone could never be destroyed. Only a host that doesn't answer counts; a host that refuses the login still exists.
 */
async function orGone(pool: ConnectionPool, state: PropertyMap, operation: Operation, work: () => Promise<unknown>) {
  const connection = toConnection(state.connection);
  const warn = (why: string) =>
    operation.log("warning", `${why}; its delete command was not run; the resource counts as deleted with its host`);
  // All attempts have failed already, for another resource of this host in this run.
  if (pool.isUnreachable(connection)) return warn(`${endpointName(connection)}: unreachable`);
  try {
    await work();
  } catch (error) {
    if (!(error instanceof DialError) || error.failure !== "unreachable") throw error;
    warn(error.message);
  }
}
