import { readdir, stat } from "node:fs/promises";
import { basename, join, posix } from "node:path";
import type { SFTPWrapper } from "ssh2";
import type { Operation, ResourceHandler } from "../lib/handlers.ts";
import { isArchive, isAsset, type PropertyMap, same, type Value } from "../lib/values.ts";
import { connectionField, endpointName, toConnection } from "./connection.ts";
import type { ConnectionPool } from "./pool.ts";
import { newId } from "./remote-command.ts";
import { withSftp } from "./session.ts";
import { makeFolder, putFile, type Source, statRemote } from "./sftp.ts";

/** Files of a folder that are copied concurrently. */
const filesAtOnce = 8;

/** `command:remote:CopyToRemote`: copies a file, a text or a folder to a host over SFTP. Delete removes nothing. */
export function copyToRemote(pool: ConnectionPool): ResourceHandler {
  return {
    token: "command:remote:CopyToRemote",
    inputs: {
      connection: connectionField,
      source: { type: "asset or archive", required: true, rule: sourceRule },
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
  if (isAsset(value) && value.uri) return "a RemoteAsset can't be copied: expected a FileAsset or StringAsset";
  if (isArchive(value) && !value.path) return "expected a FileArchive: an archive of a file or folder by its path";
  return undefined;
}

async function copy(pool: ConnectionPool, inputs: PropertyMap, operation: Operation): Promise<void> {
  const connection = toConnection(inputs.connection);
  const destination = String(inputs.remotePath);
  const source = inputs.source;
  const local = isAsset(source) || isArchive(source) ? source.path : undefined;
  // Checked before connecting: finding that a local file is missing needs no connection.
  const folder = local ? (await stat(local)).isDirectory() : false;
  await withSftp(pool, connection, operation, async (sftp) => {
    if (!local) await copyText(sftp, isAsset(source) ? (source.text ?? "") : "", destination);
    else if (folder) await copyFolder(sftp, local, destination);
    else await copyFile(sftp, { path: local }, destination);
  });
  operation.log("debug", `${endpointName(connection)}: copied to ${destination}`);
}

async function copyText(sftp: SFTPWrapper, text: string, destination: string): Promise<void> {
  const found = await statRemote(sftp, destination);
  if (found?.isDirectory()) throw new Error(`${destination}: is a directory; expected a file's path for a text`);
  await makeFolder(sftp, posix.dirname(destination));
  await putFile(sftp, { text }, destination);
}

/** Copies into the destination if that is a folder, else replaces it. */
async function copyFile(sftp: SFTPWrapper, source: Source & { path: string }, destination: string): Promise<void> {
  const found = await statRemote(sftp, destination);
  if (found?.isDirectory()) return putFile(sftp, source, posix.join(destination, basename(source.path)));
  if (found === undefined) await makeFolder(sftp, posix.dirname(destination));
  return putFile(sftp, source, destination);
}

/** `folder` becomes `destination/folder`; the content of `folder/` (with the slash) is copied into `destination` itself. */
async function copyFolder(sftp: SFTPWrapper, folder: string, destination: string): Promise<void> {
  const root = folder.endsWith("/") ? destination : posix.join(destination, basename(folder));
  await makeFolder(sftp, root);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const relative = entries.map((entry) => ({
    entry,
    path: join(entry.parentPath, entry.name).slice(join(folder, "/").length),
  }));
  const folders = relative.filter(({ entry }) => entry.isDirectory()).map(({ path }) => path);
  // Shorter paths first, so that parents are created before their subfolders.
  for (const path of folders.sort((left, right) => left.length - right.length))
    await makeFolder(sftp, posix.join(root, path));
  const files = relative.filter(({ entry }) => !entry.isDirectory()).map(({ path }) => path);
  const copyNext = async () => {
    for (let path = files.pop(); path !== undefined; path = files.pop()) {
      await putFile(sftp, { path: join(folder, path) }, posix.join(root, path));
    }
  };
  await Promise.all(Array.from({ length: filesAtOnce }, copyNext));
}
