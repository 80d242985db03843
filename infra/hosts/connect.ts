import { lstat, mkdir } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import type { ConnectionModel } from "../model/types.ts";
import { ask, type Unreachable } from "./ask.ts";
import { firstContactFile, type StackHosts } from "./host-keys.ts";
import { writeShared } from "./shared-file.ts";
import type { Connection } from "./ssh.ts";
import { sshConfig } from "./ssh-config.ts";

/** The hosts of a stack, verified against their pinned keys, over shared connections. */
export interface Hosts {
  readonly names: readonly string[];
  /** Path of the ssh configuration, which has a block for each host. */
  readonly sshConfig: string;
  /** @throws TypeError if the stack has no such host */
  connectionTo(host: string): Connection & Pick<ConnectionModel, "hostKey">;
  /** Runs a script on a host and parses its output, see `ask`. For a dead or slow host the result is the reason. */
  ask<Answer>(
    host: string,
    script: string,
    read: (answer: string) => Answer | undefined,
    timeoutMs: number,
  ): Promise<Answer | Unreachable>;
}

/**
 * Writes the stack's ssh configuration, and beside it the host keys of the model. A host without a key is at its first contact, and its key
 * is recorded.
 *
 * @param checkout folder of the project: key paths are relative to it, the configuration is written below its `.warren`
 * @throws UserError if other users have access to the folder of shared connections
 */
export async function connect({ stack, hosts }: StackHosts, checkout: string): Promise<Hosts> {
  const control = join(tmpdir(), `warren-ssh-${userInfo().uid}`);
  const folder = join(checkout, ".warren", "ssh");
  await makePrivateFolder(control);
  const file = join(folder, `${stack}.config`);
  const knownHosts = join(folder, `${stack}.known_hosts`);
  const connections = hosts.map((host) => host.connection);
  const pinned = connections.map(({ address, hostKey }) => (hostKey ? `${address} ${hostKey}\n` : ""));
  // ssh of another run may be reading: it would refuse hosts that a half-written list lacks.
  await writeShared(knownHosts, pinned.join(""));
  const firstContact = firstContactFile(checkout, stack);
  await writeShared(file, sshConfig(connections, { checkout, control, knownHosts, firstContact }));
  const connectionTo = (name: string) => {
    const found = connections.find(({ host }) => host === name);
    if (!found) throw new TypeError(`no host ${name}`);
    return { ...found, options: ["-F", file] };
  };
  return {
    names: hosts.map(({ name }) => name),
    sshConfig: file,
    connectionTo,
    ask: (host, script, read, timeoutMs) => ask(connectionTo(host), script, read, { timeoutMs }),
  };
}

/** Anybody else who can write to the folder of shared connections could impersonate a host. */
async function makePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = await lstat(folder).then((found) => (found.isDirectory() ? found : { uid: -1, mode: 0 }));
  if (uid === userInfo().uid && (mode & 0o077) === 0) return;
  throw new UserError(
    folder,
    "is not a folder that only this user can access",
    `check its owner with ls -ld ${folder}, then remove it`,
  );
}
