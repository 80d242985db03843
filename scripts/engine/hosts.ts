import type { StackConfig } from "../../infra/config/index.ts";
import { connect, type Hosts } from "../../infra/hosts/connect.ts";
import {
  confirmedKeys,
  type PinnedKey,
  pinnedKeys,
  type RecordedKeys,
  type StackHosts,
} from "../../infra/hosts/host-keys.ts";
import { connectionOf } from "../../infra/model/connection.ts";
import { withHostKey } from "../../infra/model/host-key.ts";
import { requireLoginKey } from "../../infra/resources/login-key.ts";
import { readPulumi } from "./engine.ts";
import { checkout } from "./places.ts";
import { hasState } from "./stack.ts";

/** Connections to the hosts of a stack, as preview makes them. @throws UserError where a login's key is missing */
export async function openHosts(stack: string, config: StackConfig): Promise<Hosts> {
  const model = stackHosts(stack, config);
  return connectWith(model, await knownKeys(model));
}

/** @throws UserError where a login's key is missing */
export function stackHosts(stack: string, config: StackConfig): StackHosts {
  const hosts = Object.keys(config.hosts).map((name) => ({ name, connection: connectionOf(name, config) }));
  for (const { connection } of hosts) requireLoginKey(connection.privateKeyFile, checkout);
  return { stack, hosts };
}

/** Connections that require the keys that somebody has confirmed, or else those of an earlier contact. */
export function connectWith({ stack, hosts }: StackHosts, known: ReadonlyMap<string, PinnedKey>): Promise<Hosts> {
  const keys = confirmedKeys(known);
  const pinned = hosts.map(({ name, connection }) => ({ name, connection: withHostKey(connection, keys) }));
  return connect({ stack, hosts: pinned }, checkout);
}

/** Asking the engine takes a second, so it is asked only about host keys that are confirmed nowhere else. */
export async function knownKeys(model: StackHosts): Promise<Map<string, PinnedKey>> {
  const here = await pinnedKeys(model, checkout, {});
  if (confirmedKeys(here).size === model.hosts.length || hasState(model.stack) === false) return here;
  return pinnedKeys(model, checkout, await recordedKeys(model.stack));
}

async function recordedKeys(stack: string): Promise<RecordedKeys> {
  const outputs = JSON.parse(await readPulumi(["stack", "output", "--json", "--stack", stack], { stack })) as {
    readonly hostKeys?: RecordedKeys;
  };
  return outputs.hostKeys ?? {};
}
