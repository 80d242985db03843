import { fullNameOf } from "../config/full-names.ts";
import type { StackConfig } from "../config/index.ts";
import type { ConnectionModel } from "./types.ts";

/** The connection of a host: its own `ssh`, completed from `warren:ssh`. */
export function connectionOf(name: string, config: StackConfig): ConnectionModel {
  const host = config.hosts[name];
  if (!host) throw new TypeError(`no host ${name}`);
  const { via } = host.ssh;
  const fullName = fullNameOf(config, name);
  return {
    host: name,
    ...(fullName === name ? {} : { fullName }),
    address: host.address,
    port: host.ssh.port ?? config.ssh.port,
    user: host.ssh.user ?? config.ssh.user,
    privateKeyFile: config.ssh.privateKeyFile,
    ...(config.ssh.knownHostsFile ? { knownHostsFile: config.ssh.knownHostsFile } : {}),
    ...(host.ssh.hostKey ? { hostKey: host.ssh.hostKey } : {}),
    dialTimeoutSeconds: config.ssh.dialTimeoutSeconds,
    ...(via ? { via: connectionOf(via, config) } : {}),
  };
}
