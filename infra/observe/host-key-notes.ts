import { UserError } from "../../agents/lib/errors.ts";
import { type HostKeySource, type OfferedKey, type PinnedKey, unconfirmedKeys } from "../hosts/host-keys.ts";
import type { RefusedKey } from "../hosts/refused-key.ts";
import { fingerprintOf, hostKeyPath } from "../model/host-key.ts";
import type { ConnectionModel, EnvironmentModel } from "../model/types.ts";
import type { Observations } from "./index.ts";

export interface HostKeyNotes {
  /** One line for each host whose key nobody has confirmed. */
  readonly unconfirmed: readonly string[];
  readonly errors: readonly string[];
}

/**
 * Messages about host keys: those that nobody has confirmed, with their fingerprints, and refused hosts.
 *
 * @param pinned known keys after the hosts were contacted
 */
export function hostKeyNotes(
  model: EnvironmentModel,
  observations: Observations,
  pinned: ReadonlyMap<string, PinnedKey>,
): HostKeyNotes {
  const errors: string[] = [];
  const refusedHosts = new Set<string>();
  for (const { name, connection } of model.hosts) {
    const known = pinned.get(name);
    const observed = observations.get(name);
    const refused = observed && "unreachable" in observed ? observed.refused : undefined;
    if (!refused || !known) continue;
    errors.push(refusal(model.stack, connection, known, refused));
    refusedHosts.add(name);
  }
  const unconfirmed = unconfirmedKeys(model, pinned).filter(({ host }) => !refusedHosts.has(host));
  return { unconfirmed: unconfirmed.map(unconfirmedLine), errors };
}

/** A line about a key that nobody has confirmed: what it is, and how to compare it. */
export const unconfirmedLine = ({ host, key }: OfferedKey): string =>
  `${host}: host key ${fingerprintOf(key)} not confirmed; compare it on its console: ssh-keygen -lf ${hostKeyPath(key)}`;

/** @param lines one for each host */
export const unconfirmedHosts = (stack: string, lines: readonly string[]): UserError =>
  new UserError(
    `stack ${stack}`,
    `contains hosts whose keys nobody has confirmed, so they get nothing:\n  ${lines.join("\n  ")}`,
    `compare the keys; then run ./warren up -s ${stack} on a terminal and confirm them, or add --accept-new-hosts`,
  );

function refusal(stack: string, connection: ConnectionModel, known: PinnedKey, { offered }: RefusedKey): string {
  const is = offered ? `its host key is ${offered}, not` : "it has no host key of the pinned type:";
  return new UserError(
    connection.host,
    `${is} ${fingerprintOf(known.key)} as ${sourceText(known.source, connection)}: the host was reinstalled, or another machine answers at its address; nothing was done on it`,
    `compare on its console: ssh-keygen -lf ${hostKeyPath(known.key)}; if the key is the host's own, ${acceptance(stack, known.source, connection)}`,
  ).format();
}

function sourceText(source: HostKeySource, { host, knownHostsFile }: ConnectionModel): string {
  switch (source) {
    case "config":
      return `configured in warren:hosts.${host}.ssh.hostKey`;
    case "known-hosts":
      return `listed in ${knownHostsFile}`;
    case "recorded":
      return "recorded in the stack";
    case "first-contact":
      return "met at first contact";
    case "accepted":
      return "confirmed in this checkout";
  }
}

function acceptance(stack: string, source: HostKeySource, { host, knownHostsFile }: ConnectionModel): string {
  if (source === "known-hosts") return `put its public key into ${knownHostsFile}`;
  const path = `warren:hosts.${host}.ssh.hostKey`;
  return `put its public key into the stack file: ./warren pulumi config set -s ${stack} --path ${path} 'ssh-ed25519 AAAA…'`;
}
