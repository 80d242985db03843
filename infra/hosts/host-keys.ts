import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { hostKeyOf } from "../model/host-key.ts";
import type { ConnectionModel } from "../model/types.ts";
import { writeShared } from "./shared-file.ts";

/** The part of a stack's model that connections need. */
export interface StackHosts {
  readonly stack: string;
  readonly hosts: readonly { readonly name: string; readonly connection: ConnectionModel }[];
}

/** The part that keys need. */
interface KeyedHosts {
  readonly stack: string;
  readonly hosts: readonly {
    readonly name: string;
    readonly connection: Parameters<typeof hostKeyOf>[0] & Pick<ConnectionModel, "hostKey" | "knownHostsFile">;
  }[];
}

/** Source of a host's key, in order of precedence. */
export type HostKeySource = "config" | "known-hosts" | "recorded" | "accepted" | "first-contact";

export interface PinnedKey {
  readonly key: string;
  readonly source: HostKeySource;
}

/** Host -> `TYPE BASE64`, as the stack's output `hostKeys` has it. */
export type RecordedKeys = Readonly<Record<string, string>>;

/** Keys that ssh met at first contact. ssh only adds lines, so an `up` asks about the keys that the preview before it saw. */
export const firstContactFile = (checkout: string, stack: string): string =>
  join(checkout, ".warren", "ssh", `${stack}.first_contact`);

/** Keys that a person has confirmed, until an `up` has recorded them. */
const acceptedFile = (checkout: string, stack: string): string => join(checkout, ".warren", "ssh", `${stack}.accepted`);

/** A host's key as `TYPE BASE64`, with the address under which it is kept. */
export interface OfferedKey {
  readonly host: string;
  readonly address: string;
  readonly key: string;
}

/** Keeps keys that a person has confirmed. */
export async function acceptKeys(stack: string, checkout: string, keys: readonly OfferedKey[]): Promise<void> {
  const file = acceptedFile(checkout, stack);
  // Another machine may have had one of these addresses before.
  const before = (await readFile(file, "utf8").catch(() => ""))
    .split("\n")
    .filter((line) => line !== "" && !keys.some(({ address }) => line.startsWith(`${address} `)));
  const lines = [...before, ...keys.map(({ address, key }) => `${address} ${key}`)];
  await writeShared(file, lines.map((line) => `${line}\n`).join(""));
}

/**
 * The known key of every host: from the config, else from the given known_hosts file, else from the stack's outputs, else one that a person
 * confirmed in this checkout, else from an earlier contact from it. Called again after hosts were contacted, it includes their new keys.
 */
export async function pinnedKeys(
  model: KeyedHosts,
  checkout: string,
  recorded: RecordedKeys,
): Promise<Map<string, PinnedKey>> {
  const texts = new Map<string, Promise<string>>();
  const textOf = (file: string) => {
    const text = texts.get(file) ?? readFile(file, "utf8").catch(() => "");
    texts.set(file, text);
    return text;
  };
  const accepted = await textOf(acceptedFile(checkout, model.stack));
  const contacted = await textOf(firstContactFile(checkout, model.stack));
  const pinned = new Map<string, PinnedKey>();
  for (const { connection } of model.hosts) {
    const { host, knownHostsFile } = connection;
    const given = knownHostsFile ? await textOf(resolve(checkout, knownHostsFile)) : "";
    // Always kept under the address, whatever the port: that is the HostKeyAlias.
    const byAddress = { host: connection.address, address: connection.address, port: 22 };
    const known: [HostKeySource, string | undefined][] = [
      ["config", connection.hostKey],
      ["known-hosts", hostKeyOf(connection, given)],
      ["recorded", recorded[host]],
      ["accepted", hostKeyOf(byAddress, accepted)],
      ["first-contact", hostKeyOf(byAddress, contacted)],
    ];
    for (const [source, key] of known) if (key && !pinned.has(host)) pinned.set(host, { key, source });
  }
  return pinned;
}

/** The keys that somebody has confirmed. A host without one may be read; it gets nothing. */
export const confirmedKeys = (pinned: ReadonlyMap<string, PinnedKey>): Map<string, string> =>
  new Map([...pinned].flatMap(([host, { key, source }]) => (source === "first-contact" ? [] : [[host, key]])));

/** The keys that nobody has confirmed. */
export const unconfirmedKeys = (model: KeyedHosts, pinned: ReadonlyMap<string, PinnedKey>): OfferedKey[] =>
  model.hosts.flatMap(({ name, connection: { address } }) => {
    const known = pinned.get(name);
    return known?.source === "first-contact" ? [{ host: name, address, key: known.key }] : [];
  });
