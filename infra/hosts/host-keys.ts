import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { hostKeyOf } from "../model/host-key.ts";
import type { ConnectionModel } from "../model/types.ts";

/** What connecting takes of a stack's model. */
export interface StackHosts {
  readonly stack: string;
  readonly hosts: readonly { readonly name: string; readonly connection: ConnectionModel }[];
}

/** Where a host's key is known from, the first of these that has one. */
export type HostKeySource = "config" | "known-hosts" | "recorded" | "first-contact";

export interface PinnedKey {
  readonly key: string;
  readonly source: HostKeySource;
}

/** Host -> `TYPE BASE64`, as the stack's output `hostKeys` has it. */
export type RecordedKeys = Readonly<Record<string, string>>;

/** What ssh has taken at first contact. ssh adds lines, nobody takes any away: an `up` pins what the preview before it saw. */
export const firstContactFile = (checkout: string, stack: string): string =>
  join(checkout, ".warren", "ssh", `${stack}.first_contact`);

/**
 * The key of every host that has one: its own in the config, else the line in the given known_hosts, else what the stack has recorded, else
 * what an earlier contact from this checkout has taken. Asked again after the hosts were, it has the new ones too.
 */
export async function pinnedKeys(
  model: StackHosts,
  checkout: string,
  recorded: RecordedKeys,
): Promise<Map<string, PinnedKey>> {
  const texts = new Map<string, Promise<string>>();
  const textOf = (file: string) => {
    const text = texts.get(file) ?? readFile(file, "utf8").catch(() => "");
    texts.set(file, text);
    return text;
  };
  const met = await textOf(firstContactFile(checkout, model.stack));
  const pinned = new Map<string, PinnedKey>();
  for (const { connection } of model.hosts) {
    const { host, knownHostsFile } = connection;
    const given = knownHostsFile ? await textOf(resolve(checkout, knownHostsFile)) : "";
    const known: [HostKeySource, string | undefined][] = [
      ["config", connection.hostKey],
      ["known-hosts", hostKeyOf(connection, given)],
      ["recorded", recorded[host]],
      // Always under the address alone, whatever the port: ssh is told to look there.
      ["first-contact", hostKeyOf({ ...connection, host: connection.address, port: 22 }, met)],
    ];
    for (const [source, key] of known) if (key && !pinned.has(host)) pinned.set(host, { key, source });
  }
  return pinned;
}

export const keysOf = (pinned: ReadonlyMap<string, PinnedKey>): Map<string, string> =>
  new Map([...pinned].map(([host, { key }]) => [host, key]));
