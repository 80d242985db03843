import { resolve } from "node:path";
import type { ConnectionModel } from "../model/types.ts";

/**
 * OpenSSH configuration for the hosts of a stack, also for people: `ssh -F FILE HOST`.
 *
 * @param checkout folder that relative key paths start from
 * @param controlDirectory where the sockets of shared connections live; short, a socket's path has 107 bytes at most
 */
export function sshConfig(connections: readonly ConnectionModel[], checkout: string, controlDirectory: string): string {
  const blocks = connections.map((connection) =>
    [
      `Host ${connection.host}`,
      `  HostName ${connection.address}`,
      `  HostKeyAlias ${connection.address}`,
      `  Port ${connection.port}`,
      `  User ${connection.user}`,
      `  IdentityFile ${quoted(resolve(checkout, connection.privateKeyFile))}`,
      `  UserKnownHostsFile ${quoted(resolve(checkout, connection.knownHostsFile))}`,
      `  ConnectTimeout ${connection.dialTimeoutSeconds}`,
      ...(connection.via ? [`  ProxyJump ${connection.via.host}`] : []),
    ].join("\n"),
  );
  const all = [
    "Host *",
    "  BatchMode yes",
    "  IdentitiesOnly yes",
    "  StrictHostKeyChecking yes",
    "  GSSAPIAuthentication no",
    "  Ciphers ^aes128-gcm@openssh.com",
    "  ControlMaster auto",
    "  ControlPersist 120",
    `  ControlPath ${quoted(`${controlDirectory}/%C`)}`,
    "  ServerAliveInterval 5",
    "  ServerAliveCountMax 2",
    "  LogLevel ERROR",
  ].join("\n");
  return `# Written by warren at every run.\n${blocks.join("\n")}\n${all}\n`;
}

const quoted = (path: string): string => `"${path}"`;
