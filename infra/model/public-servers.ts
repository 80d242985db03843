import { type DataServer, dataServers } from "../config/data-servers.ts";
import { fullNameOf } from "../config/full-names.ts";
import type { StackConfig } from "../config/index.ts";

/** A public data server on its host, the only member of its broker. */
export interface PublicServer extends DataServer {
  readonly host: string;
  readonly fullName: string;
  /** Port of its sshd. */
  readonly sshPort: number;
  /** URL of the document root. */
  readonly baseUrl: string;
}

/** All public data servers of a stack. */
export function publicServers(config: StackConfig): PublicServer[] {
  const { hosts, brokers, ssh } = config;
  return dataServers(config).flatMap((server) => {
    const name = brokers[server.config.broker]?.members[0];
    const host = name === undefined ? undefined : hosts[name];
    if (name === undefined || !host) return [];
    const fullName = fullNameOf(config, name);
    const baseUrl = server.config.baseUrl ?? `http://${fullName}/`;
    return [{ ...server, host: name, fullName, sshPort: host.ssh.port ?? ssh.port, baseUrl }];
  });
}

/** The public data server on a host. */
export const publicServerAt = (config: StackConfig, host: string): PublicServer | undefined =>
  publicServers(config).find((server) => server.host === host);

/** Client hosts that subscribe to a public data server. */
export function clientsOf(config: StackConfig, { config: { clients } }: PublicServer): string[] {
  const all = Object.entries(config.hosts).flatMap(([name, { roles }]) => (roles.includes("client") ? [name] : []));
  return all.filter((name) => clients.hosts?.includes(name) ?? publicServers(config).length === 1);
}

/** The public data server to which a client host subscribes. */
export const subscribedServer = (config: StackConfig, host: string): PublicServer | undefined =>
  publicServers(config).find((server) => clientsOf(config, server).includes(host));
