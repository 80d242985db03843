import type { StackConfig } from "../../../infra/config/index.ts";
import type { Unreachable } from "../../../infra/hosts/ask.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import { clusterModels } from "../../../infra/model/cluster.ts";
import type { ClusterModel } from "../../../infra/model/types.ts";
import { readPulumi } from "../../engine/engine.ts";
import { openHosts } from "../../engine/hosts.ts";
import { readOperatorCa } from "../../engine/operator-ca.ts";
import type { Toolchain } from "../../engine/toolchain/toolchain.ts";
import { readMessages } from "../backup/brokers.ts";
import { type Definitions, definitionsSchema, objectNames, undeclared } from "../backup/definitions.ts";
import type { OpenBackup } from "../backup/file.ts";
import { askHostState, type HostState } from "../backup/journals.ts";
import { sha256 } from "../backup/manifest.ts";
import { openConfig, secretsOf } from "../backup/secrets.ts";
import { resourceCount, stateForBareHosts } from "../backup/state.ts";
import type { Held, Here, Offer } from "./plan.ts";

/** The backup, the stack's current state, and the means to change it. */
export interface Subject {
  readonly reach: Hosts;
  readonly here: Here;
  readonly offer: Offer;
  /** The text of the backup's state; undefined if it has none. */
  readonly state: string | undefined;
  /** Definitions that the config doesn't declare, by cluster. */
  readonly definitions: Readonly<Record<string, Definitions>>;
  readonly clusters: readonly ClusterModel[];
}

/** Asks hosts, brokers and the engine at the same time; changes nothing. */
export async function examine(
  stack: string,
  config: StackConfig,
  backup: OpenBackup,
  toolchain: Toolchain,
): Promise<Subject> {
  const clusters = clusterModels(config);
  const [reach, ca] = await Promise.all([openHosts(stack, config), readOperatorCa(stack)]);
  const [hosts, messages, exported, state, parts] = await Promise.all([
    Promise.all(reach.names.map(async (host) => [host, await askHostState(reach, host)] as const)),
    Promise.all(clusters.map((cluster) => readMessages(cluster, ca))),
    readPulumi(["stack", "export", "--stack", stack], { stack, toolchain }),
    backup.read("state", backup.manifest.stack),
    Promise.all(clusters.map(async (cluster) => [cluster, await backup.read("definitions", cluster.name)] as const)),
  ]);
  const definitions = Object.fromEntries(
    parts.flatMap(([cluster, text]) =>
      text ? [[cluster.name, undeclared(definitionsSchema.parse(JSON.parse(text.toString("utf8"))), cluster)]] : [],
    ),
  );
  const stateText = state?.toString("utf8");
  return {
    ...{ reach, clusters, definitions, state: stateText },
    here: {
      ...{ stack, now: new Date(), hosts: Object.fromEntries(hosts) },
      messages: Object.fromEntries(
        clusters.map((cluster, index) => [cluster.name, heldBy(cluster, messages[index], hosts)]),
      ),
      resources: resourceCount(exported),
      fingerprints: backup.fingerprints(secretsOf(config)),
      config: sha256(openConfig(config)),
      windowSeconds: config.announcements.dedupWindowSeconds,
    },
    offer: {
      manifest: backup.manifest,
      resources: stateText === undefined ? 0 : resourceCount(stateText),
      hasLasting: stateText !== undefined && stateForBareHosts(stateText) !== undefined,
      objects: Object.fromEntries(Object.entries(definitions).map(([name, all]) => [name, objectNames(all)])),
    },
  };
}

function heldBy(
  { members }: ClusterModel,
  found: Awaited<ReturnType<typeof readMessages>> | undefined,
  hosts: readonly (readonly [string, HostState | Unreachable])[],
): Held {
  if (found && !("why" in found)) return { queues: found.answer };
  const stands = (host: string) => hosts.some(([name, state]) => name === host && !("isBare" in state && state.isBare));
  return { why: found?.why ?? "not asked", mayHold: members.some(({ host }) => stands(host)) };
}
