import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { ConnectionModel } from "../model/types.ts";

export interface SshConfigPlaces {
  /** Folder that relative key paths start from. */
  readonly checkout: string;
  /** Where the sockets of shared connections live; short, a socket's path has 107 bytes at most. */
  readonly control: string;
  /** One key a host, by its address. */
  readonly knownHosts: string;
  /** The same, of hosts that have no key yet: ssh writes here what it meets. */
  readonly firstContact: string;
}

/** OpenSSH configuration for the hosts of a stack, also for people: `ssh -F FILE HOST`. */
export function sshConfig(connections: readonly ConnectionModel[], places: SshConfigPlaces): string {
  const { checkout, control, knownHosts } = places;
  const known = ({ hostKey }: ConnectionModel) =>
    hostKey
      ? // A shared connection is good for the key that it was made with, and for no other one.
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
    // This machine's own list could let in a host whose key differs from the pinned one.
    "  GlobalKnownHostsFile /dev/null",
    "  UpdateHostKeys no",
    "  GSSAPIAuthentication no",
    "  Ciphers ^aes128-gcm@openssh.com",
    "  ControlMaster auto",
    "  ControlPersist 120",
    // A shared connection to a host that is gone is given up after four seconds.
    "  ServerAliveInterval 2",
    "  ServerAliveCountMax 2",
    "  LogLevel ERROR",
  ].join("\n");
  return `# Written by warren at every run.\n${blocks.join("\n")}\n${all}\n`;
}

const quoted = (path: string): string => `"${path}"`;
/** Short, because a socket's path is. */
const shortDigest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8);
