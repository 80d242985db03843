import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { ConnectionModel } from "../model/types.ts";

export interface SshConfigPlaces {
  /** Folder to which key paths are relative. */
  readonly checkout: string;
  /** Folder of the sockets of shared connections. Its path is short, because a socket's path has at most 107 bytes. */
  readonly control: string;
  /** File with one key per host, by address. */
  readonly knownHosts: string;
  /** The same for hosts without a known key; ssh adds the keys that it accepts. */
  readonly firstContact: string;
}

/** OpenSSH configuration for the hosts of a stack, which people can use as well: `ssh -F FILE HOST`. */
export function sshConfig(connections: readonly ConnectionModel[], places: SshConfigPlaces): string {
  const { checkout, control, knownHosts } = places;
  const known = ({ hostKey }: ConnectionModel) =>
    hostKey
      ? // A shared connection is valid only for the key with which it was made.
        [`  ControlPath ${quoted(`${control}/%C-${shortDigest(hostKey)}`)}`]
      : [
          "  StrictHostKeyChecking accept-new",
          `  UserKnownHostsFile ${quoted(places.firstContact)}`,
          "  HostKeyAlgorithms ^ssh-ed25519",
          "  ControlPath none",
        ];
  const blocks = connections.map((connection) =>
    [
      `Host ${connection.host}`,
      `  HostName ${connection.address}`,
      `  HostKeyAlias ${connection.address}`,
      `  Port ${connection.port}`,
      `  User ${connection.user}`,
      `  IdentityFile ${quoted(resolve(checkout, connection.privateKeyFile))}`,
      `  ConnectTimeout ${connection.dialTimeoutSeconds}`,
      ...(connection.via ? [`  ProxyJump ${connection.via.host}`] : []),
      ...known(connection),
    ].join("\n"),
  );
  const all = [
    "Host *",
    "  BatchMode yes",
    "  IdentitiesOnly yes",
    "  StrictHostKeyChecking yes",
    `  UserKnownHostsFile ${quoted(knownHosts)}`,
    // This machine's own list could accept a host whose key differs from the pinned one.
    "  GlobalKnownHostsFile /dev/null",
    "  UpdateHostKeys no",
    "  GSSAPIAuthentication no",
    "  Ciphers ^aes128-gcm@openssh.com",
    "  ControlMaster auto",
    "  ControlPersist 120",
    // A shared connection to a dead host is closed after four seconds.
    "  ServerAliveInterval 2",
    "  ServerAliveCountMax 2",
    "  LogLevel ERROR",
  ].join("\n");
  return `# Written by warren at every run.\n${blocks.join("\n")}\n${all}\n`;
}

const quoted = (path: string): string => `"${path}"`;
/** Short, because a socket's path is limited. */
const shortDigest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8);
