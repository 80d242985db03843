import type { StackConfig } from "../../infra/config/index.ts";
import { connectionOf } from "../../infra/model/connection.ts";
import { withHostKeys } from "../../infra/model/host-key.ts";
import type { ConnectionModel, EnvironmentModel } from "../../infra/model/types.ts";
import { askHost } from "../../infra/observe/ask.ts";
import { pinnedKeys, type RecordedKeys } from "../../infra/observe/host-keys.ts";
import { writeSshConfig } from "../../infra/observe/index.ts";
import type { Unreachable } from "../../infra/observe/observation.ts";
import { requireLoginKey } from "../../infra/resources/login-key.ts";
import { readPulumi } from "./engine.ts";
import { checkout } from "./places.ts";
import { hasState } from "./stack.ts";

/** The hosts of a stack, reached as preview reaches them: the same ssh configuration, keys and shared connections. */
export interface Reach {
  readonly hosts: readonly string[];
  readonly sshConfig: string;
  connectionTo(host: string): ConnectionModel;
  /** Runs a script on a host and reads what it says. A host that is dead or slow is an answer: why. */
  ask<Answer>(
    host: string,
    script: string,
    read: (answer: string) => Answer | undefined,
    timeoutMs: number,
  ): Promise<Answer | Unreachable>;
}

/** @throws UserError where a login's key is missing */
export async function openReach(stack: string, config: StackConfig): Promise<Reach> {
  const model = connectionsOnly(stack, config);
  for (const { connection } of model.hosts) requireLoginKey(connection.privateKeyFile, checkout);
  const known = await knownKeys(model);
  const pinned = withHostKeys(model, known);
  const sshConfig = await writeSshConfig(pinned, checkout);
  const connections = new Map(pinned.hosts.map(({ name, connection }) => [name, connection]));
  const connectionTo = (host: string): ConnectionModel => {
    const found = connections.get(host);
    if (!found) throw new TypeError(`no host ${host}`);
    return found;
  };
  return {
    hosts: [...connections.keys()],
    sshConfig,
    connectionTo,
    ask: (host, script, read, timeoutMs) => askHost(connectionTo(host), sshConfig, script, read, { timeoutMs }),
  };
}

/** Of the model only what connecting takes. */
function connectionsOnly(stack: string, config: StackConfig): EnvironmentModel {
  const nothing = { accounts: [], directories: [], files: [], packages: [], artifacts: [], units: [] };
  const hosts = Object.entries(config.hosts).map(([name, { release }]) => ({
    ...nothing,
    ...{ name, release, connection: connectionOf(name, config) },
  }));
  return { stack, hosts, clusters: [], virtualIps: [] };
}

/** The engine, which takes a second, is asked only where a host's key is known from nowhere else. */
async function knownKeys(model: EnvironmentModel): Promise<Map<string, string>> {
  const here = await pinnedKeys(model, checkout, {});
  const all =
    here.size === model.hosts.length || !hasState(model.stack)
      ? here
      : await pinnedKeys(model, checkout, await recordedKeys(model.stack));
  return new Map([...all].map(([host, { key }]) => [host, key]));
}

async function recordedKeys(stack: string): Promise<RecordedKeys> {
  const outputs = JSON.parse(await readPulumi(["stack", "output", "--json", "--stack", stack], { stack })) as {
    readonly hostKeys?: RecordedKeys;
  };
  return outputs.hostKeys ?? {};
}
