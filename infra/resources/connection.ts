import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { ConnectionModel } from "../model/types.ts";
import { readLoginFile, requireLoginKey } from "./login-key.ts";

type ConnectionArgs = command.types.input.remote.ConnectionArgs;

/**
 * The connection of a host as one secret: key files are read here. One secret as a whole, because parts of a
 * connection that are secret one by one make differences where there are none.
 *
 * Reads the login's key: `requireLogins` has seen that it is there.
 */
export function connectionInput(connection: ConnectionModel, checkout: string): pulumi.Output<ConnectionArgs> {
  return pulumi.secret(connectionArgs(connection, checkout));
}

/**
 * Stands for the key of a host that nobody has met: the engine lets any host answer a connection that has none. Bytes of a digest, so
 * nobody knows a private half of it.
 */
const unmetHostKey = `ssh-ed25519 ${Buffer.concat([
  Buffer.from("\0\0\0\x0bssh-ed25519\0\0\0\x20", "latin1"),
  createHash("sha256").update("the key of a host that nobody has met").digest(),
]).toString("base64")}`;

/**
 * Finds what a person has forgotten before any host is asked in vain.
 *
 * @throws UserError where a login's key is missing or can't be used, or a known_hosts that is named is missing
 */
export function requireLogins(connections: readonly ConnectionModel[], checkout: string): void {
  for (const { privateKeyFile, knownHostsFile } of connections) {
    requireLoginKey(privateKeyFile, checkout);
    if (knownHostsFile) readLoginFile(knownHostsFile, checkout, knownHosts, "make it with keys that you have compared");
  }
}

const knownHosts = "warren:ssh.knownHostsFile";

function connectionArgs(connection: ConnectionModel, checkout: string): ConnectionArgs {
  const { via } = connection;
  return {
    host: connection.address,
    port: connection.port,
    user: connection.user,
    privateKey: readFileSync(resolve(checkout, connection.privateKeyFile), "utf8"),
    hostKey: connection.hostKey ?? unmetHostKey,
    // A host that doesn't answer must not hold up the others: one dial more, then it has failed.
    dialErrorLimit: 2,
    perDialTimeout: connection.dialTimeoutSeconds,
    ...(via ? { proxy: connectionArgs(via, checkout) } : {}),
  };
}
