import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { hostKeyOf } from "../model/host-key.ts";
import type { ConnectionModel } from "../model/types.ts";

/** The part of a stack's model that connections need. */
export interface StackHosts {
  readonly stack: string;
  readonly hosts: readonly { readonly name: string; readonly connection: ConnectionModel }[];
}

/** Source of a host's key, in order of precedence. */
export type HostKeySource = "config" | "known-hosts" | "recorded" | "first-contact";

export interface PinnedKey {
  readonly key: string;
  readonly source: HostKeySource;
}

/** Host -> `TYPE BASE64`, as the stack's output `hostKeys` has it. */
export type RecordedKeys = Readonly<Record<string, string>>;

/** Keys that ssh accepted at first contact. ssh only adds lines, so an `up` pins the keys that the preview before it saw. */
export const firstContactFile = (checkout: string, stack: string): string =>
  join(checkout, ".warren", "ssh", `${stack}.first_contact`);

/**
 * The known key of every host: from the config, else from the given known_hosts file, else from the stack's outputs, else from an earlier
 * contact from this checkout. Called again after hosts were contacted, it includes their new keys.
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
  const contacted = await textOf(firstContactFile(checkout, model.stack));
  const pinned = new Map<string, PinnedKey>();
  for (const { connection } of model.hosts) {
    const { host, knownHostsFile } = connection;
    const given = knownHostsFile ? await textOf(resolve(checkout, knownHostsFile)) : "";
    const known: [HostKeySource, string | undefined][] = [
      ["config", connection.hostKey],
      ["known-hosts", hostKeyOf(connection, given)],
      ["recorded", recorded[host]],
      // Always recorded under the address, whatever the port: that is the HostKeyAlias.
      ["first-contact", hostKeyOf({ ...connection, host: connection.address, port: 22 }, contacted)],
    ];
    for (const [source, key] of known) if (key && !pinned.has(host)) pinned.set(host, { key, source });
  }
  return pinned;
}

export const keysOf = (pinned: ReadonlyMap<string, PinnedKey>): Map<string, string> =>
  new Map([...pinned].map(([host, { key }]) => [host, key]));
