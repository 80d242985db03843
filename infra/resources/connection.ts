import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { UserError } from "../../agents/lib/errors.ts";
import { hostKeyOf } from "../model/host-key.ts";
import type { ConnectionModel } from "../model/types.ts";

type ConnectionArgs = command.types.input.remote.ConnectionArgs;

/**
 * The connection of a host as one secret: key files are read here, host keys pinned. One secret as a whole, because parts of a
 * connection that are secret one by one make differences where there are none.
 *
 * @throws UserError where a key file is missing, or known_hosts knows nothing of the host
 */
export function connectionInput(connection: ConnectionModel, checkout: string): pulumi.Output<ConnectionArgs> {
  return pulumi.secret(connectionArgs(connection, checkout));
}

/** Finds what a person has forgotten before any host is asked in vain. @throws UserError as `connectionInput` does */
export function requireLogins(connections: readonly ConnectionModel[], checkout: string): void {
  for (const connection of connections) connectionArgs(connection, checkout);
}

function connectionArgs(connection: ConnectionModel, checkout: string): ConnectionArgs {
  const { via } = connection;
  return {
    host: connection.address,
    port: connection.port,
    user: connection.user,
    privateKey: read(checkout, connection.privateKeyFile, "warren:ssh.privateKeyFile"),
    hostKey: hostKeyOf(connection, read(checkout, connection.knownHostsFile, "warren:ssh.knownHostsFile")),
    // A host that doesn't answer must not hold up the others: one dial more, then it has failed.
    dialErrorLimit: 2,
    perDialTimeout: connection.dialTimeoutSeconds,
    ...(via ? { proxy: connectionArgs(via, checkout) } : {}),
  };
}

function read(checkout: string, file: string, subject: string): string {
  try {
    return readFileSync(resolve(checkout, file), "utf8");
  } catch (error) {
    throw new UserError(
      subject,
      `${file} can't be read`,
      "for a lab, `./warren lab up` makes it; else give the right path",
      {
        cause: error,
      },
    );
  }
}
