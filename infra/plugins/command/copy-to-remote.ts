import { access } from "node:fs/promises";
import { promisify } from "node:util";
import type { Operation, ResourceHandler } from "../lib/handlers.ts";
import { isAsset, type PropertyMap, same, type Value } from "../lib/values.ts";
import { connectionField, endpointName, toConnection } from "./connection.ts";
import type { ConnectionPool } from "./pool.ts";
import { newId } from "./remote-command.ts";
import { withSftp } from "./session.ts";

/** `command:remote:CopyToRemote`: copies a file to a host over SFTP, into a folder that is there. Delete removes nothing. */
export function copyToRemote(pool: ConnectionPool): ResourceHandler {
  return {
    token: "command:remote:CopyToRemote",
    inputs: {
      connection: connectionField,
      source: { type: "asset", required: true, rule: sourceRule },
      remotePath: { type: "string", required: true },
      triggers: { type: { list: "any" }, replaceOnChange: true },
    },
    computed: {},
    async create(inputs, operation) {
      await copy(pool, inputs, operation);
      return { id: newId(""), outputs: inputs };
    },
    async update(_id, state, inputs, operation) {
      const [old, next] = [toConnection(state.connection), toConnection(inputs.connection)];
      const sameHost = old.host === next.host && old.port === next.port;
      const samePlace = sameHost && state.remotePath === inputs.remotePath;
      if (!samePlace || !same(state.source, inputs.source)) await copy(pool, inputs, operation);
      return inputs;
    },
  };
}

function sourceRule(value: Value): string | undefined {
  return isAsset(value) && value.path ? undefined : "expected a FileAsset: texts and folders need the official plugin";
}

/** Writes the file itself, and not another one that is renamed: whoever uses it compares its digest first. */
async function copy(pool: ConnectionPool, inputs: PropertyMap, operation: Operation): Promise<void> {
  const connection = toConnection(inputs.connection);
  const destination = String(inputs.remotePath);
  const path = isAsset(inputs.source) ? (inputs.source.path ?? "") : "";
  // Before connecting: finding that a local file is missing needs no connection.
  await access(path);
  await withSftp(pool, connection, operation, async (sftp) => {
    await promisify(sftp.fastPut.bind(sftp))(path, destination).catch((error: Error) => {
      throw new Error(`${destination}: ${error.message}`, { cause: error });
    });
  });
  operation.log("debug", `${endpointName(connection)}: copied to ${destination}`);
}
