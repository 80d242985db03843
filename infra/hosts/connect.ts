import { randomUUID } from "node:crypto";
import { lstat, mkdir } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { writeAtomic } from "../../agents/lib/atomic-file.ts";
import { UserError } from "../../agents/lib/errors.ts";
import type { ConnectionModel } from "../model/types.ts";
import { ask, type Unreachable } from "./ask.ts";
import { firstContactFile, type StackHosts } from "./host-keys.ts";
import type { Connection } from "./ssh.ts";
import { sshConfig } from "./ssh-config.ts";

/** The hosts of a stack, each held to the key that is pinned, over shared connections. */
export interface Hosts {
  readonly names: readonly string[];
  /** Path of the ssh configuration, which has a block for each. */
  readonly sshConfig: string;
  /** @throws TypeError where the stack has no such host */
  connectionTo(host: string): Connection & Pick<ConnectionModel, "hostKey">;
  /** Runs a script on a host and reads what it says, see `ask`. A host that is dead or slow is an answer: why. */
  ask<Answer>(
    host: string,
    script: string,
    read: (answer: string) => Answer | undefined,
    timeoutMs: number,
  ): Promise<Answer | Unreachable>;
}

/**
 * Writes the stack's ssh configuration, and beside it the host keys that the model has. A host without one is met for the first time, and
 * its key noted.
 *
 * @param checkout folder of the project: key paths start there, the configuration is written below its `.warren`
 * @throws UserError where the folder of shared connections is not this user's alone
 */
export async function connect({ stack, hosts }: StackHosts, checkout: string): Promise<Hosts> {
  const control = join(tmpdir(), `warren-ssh-${userInfo().uid}`);
  const folder = join(checkout, ".warren", "ssh");
  await makePrivateFolder(control);
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${stack}.config`);
  const knownHosts = join(folder, `${stack}.known_hosts`);
  const connections = hosts.map((host) => host.connection);
  const pinned = connections.map(({ address, hostKey }) => (hostKey ? `${address} ${hostKey}\n` : ""));
  await write(knownHosts, pinned.join(""));
  const firstContact = firstContactFile(checkout, stack);
  await write(file, sshConfig(connections, { checkout, control, knownHosts, firstContact }));
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

/** Another run's ssh may be reading: to half a list, a host that it lacks would be one that is refused. */
const write = (file: string, text: string): Promise<void> =>
  writeAtomic(file, text, { mode: 0o644, temporary: `${file}.${randomUUID()}`, synced: "nothing" });

/** Whoever else can write to the folder of shared connections could answer in a host's place. */
async function makePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = await lstat(folder).then((found) => (found.isDirectory() ? found : { uid: -1, mode: 0 }));
  if (uid === userInfo().uid && (mode & 0o077) === 0) return;
  throw new UserError(
    folder,
    "is not a folder of this user's alone",
    `see whose it is, and remove it: ls -ld ${folder}`,
  );
}
