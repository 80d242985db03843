import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { ConnectionModel } from "../model/types.ts";
import { readLoginFile, requireLoginKey } from "./login-key.ts";

type ConnectionArgs = command.types.input.remote.ConnectionArgs;

/**
 * The connection of a host as one secret, including the content of key files, which `requireLogins` has checked. The whole connection is one
 * secret, because separately secret parts show differences where there are none.
 */
export function connectionInput(connection: ConnectionModel, checkout: string): pulumi.Output<ConnectionArgs> {
  return pulumi.secret(connectionArgs(connection, checkout));
}

/**
 * Stands for the key of a host without a known key: the engine accepts any host on a connection without one. These are the bytes of a digest,
 * so nobody knows a matching private key.
 */
const unknownHostKey = `ssh-ed25519 ${Buffer.concat([
  Buffer.from("\0\0\0\x0bssh-ed25519\0\0\0\x20", "latin1"),
  createHash("sha256").update("the key of a host that nobody has met").digest(),
]).toString("base64")}`;

/**
 * Checks key files before any host is contacted.
 *
 * @throws UserError if a login key is missing or unusable, or a configured known_hosts file is missing
 */
export function requireLogins(connections: readonly ConnectionModel[], checkout: string): void {
  for (const { privateKeyFile, knownHostsFile } of connections) {
    requireLoginKey(privateKeyFile, checkout);
    if (knownHostsFile)
      readLoginFile(knownHostsFile, checkout, knownHosts, "create it with keys that you have verified");
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
    hostKey: connection.hostKey ?? unknownHostKey,
    // A host that doesn't answer must not delay the others: it fails after one more dial.
    dialErrorLimit: 2,
    perDialTimeout: connection.dialTimeoutSeconds,
    ...(via ? { proxy: connectionArgs(via, checkout) } : {}),
  };
}
