import { randomBytes } from "node:crypto";
import type { Operation, ResourceHandler } from "../lib/handlers.ts";
import type { PropertyMap } from "../lib/values.ts";
import { connectionField, endpointName, toConnection } from "./connection.ts";
import { DialError } from "./dial.ts";
import {
  environmentOf,
  lineLog,
  outputShape,
  previousOutputs,
  runShape,
  scriptShape,
  text,
  updateScript,
} from "./inputs.ts";
import { commandFailure } from "./output.ts";
import type { ConnectionPool } from "./pool.ts";
import { runRemote } from "./session.ts";

/** `command:remote:Command`: scripts on a host, over SSH. */
export function remoteCommand(pool: ConnectionPool): ResourceHandler {
  return {
    token: "command:remote:Command",
    inputs: { connection: connectionField, ...scriptShape, ...runShape },
    computed: outputShape,
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
  const variables = [
    ...environmentOf(inputs).map(([name, value]) => ({ name, value, required: true })),
    ...previousOutputs(inputs, state).map(([name, value]) => ({ name, value, required: false })),
  ];
  const command = {
    text: script,
    stdin: text(inputs, "stdin") ?? "",
    variables,
    onLine: lineLog(inputs, operation),
    onRefused: (name: string) =>
      operation.log(
        "warning",
        `${endpointName(connection)}: the SSH server does not accept ${name}; add it to AcceptEnv, or set addPreviousOutputInEnv to false`,
      ),
  };
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
