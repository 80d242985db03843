import {
  type Config as QueueManagerConfig,
  configSchema as queueManagerSchema,
} from "../../agents/queue-manager/config.ts";
import type { Config as WatcherConfig } from "../../agents/watcher/config.ts";
import { renderApacheProducts } from "../../templates/render.ts";
import { type DatamartConfig, queueManagerUser } from "../config/datamart.ts";
import type { StackConfig } from "../config/index.ts";
import {
  agentPart,
  agentPasswordAt,
  brokerHosts,
  passwordAt,
  passwordCredential,
  productAccount,
  serviceAccount,
} from "./agent-part.ts";
import { knownQueues } from "./agent-queues.ts";
import { topicPrefixesOf } from "./announced.ts";
import { apacheServing } from "./apache.ts";
import { brokerUnit } from "./names.ts";
import type { HostPart, PartContext } from "./part.ts";
import { literally } from "./permissions.ts";
import { publicServerAt } from "./public-servers.ts";
import { caFile } from "./tls.ts";

/** The public data server's tree, at the root of its URLs. */
export function datamartTreePart({ config, host }: PartContext): HostPart {
  const server = publicServerAt(config, host);
  if (!server) return {};
  const { productRoot, watchedTrees, delivery } = server.config;
  const owned = { owner: productAccount.name, group: productAccount.name, mode: "0755" };
  const folders = new Set(watchedTrees.flatMap(foldersOf));
  return {
    ...apacheServing("warren-datamart.conf", renderApacheProducts({ root: productRoot, url: "/" })),
    accounts: [productAccount],
    directories: [
      // The delivery account creates folders beside the watched trees. The sticky bit prevents it from removing or renaming these.
      { path: productRoot, ...owned, ...(delivery ? { group: delivery.user, mode: "1775" } : {}) },
      ...[...folders].map((folder) => ({ path: `${productRoot}/${folder}`, ...owned })),
    ],
  };
}

/** `a/b` -> `a`, `a/b`. */
const foldersOf = (tree: string): string[] => {
  const words = tree.split("/");
  return words.map((_, index) => words.slice(0, index + 1).join("/"));
};

/** Announces changes in trees that no sender delivers to. */
export function watcherPart(context: PartContext): HostPart {
  const { config, host } = context;
  const server = publicServerAt(config, host);
  if (!server || server.config.watchedTrees.length === 0) return {};
  const { config: datamart, baseUrl } = server;
  const { broker } = datamart;
  const own: Partial<WatcherConfig> = {
    exchange: datamart.publicExchange,
    formats: datamart.formats,
    topicPrefixes: topicPrefixesOf(datamart),
    rootDirectory: datamart.productRoot,
    trees: datamart.watchedTrees,
    baseUrl,
    ...(datamart.wis ? { wis: datamart.wis } : {}),
  };
  const part = agentPart(context, {
    name: "watcher",
    summary: "announces changes in the trees of the public data server",
    account: productAccount,
    broker: { cluster: broker, hosts: besideBroker(context, broker) },
    credentials: [agentPasswordAt(config, "watcher", broker)],
    logLevel: datamart.logLevel,
    after: brokerUnit,
    own,
  });
  return { ...part, packages: [{ name: "inotify-tools" }] };
}

/** The broker on the agent's host, if there is one: traffic within the host needs no TLS. */
function besideBroker(context: PartContext, cluster: string): string[] {
  const broker = context.config.brokers[cluster];
  return broker?.members.includes(context.host) ? [`127.0.0.1:${broker.port}`] : brokerHosts(context, cluster);
}

/** Names of the queues that are not clients', as patterns: those that the stack knows, and those that it exempts. */
export const keptQueues = (config: StackConfig, { broker, queueManager }: DatamartConfig): string[] => [
  ...knownQueues(config, broker).map((name) => `^${literally(name)}$`),
  ...queueManager.exempt,
];

/** Announces, unbinds and deletes abandoned client queues. */
export function queueManagerPart(context: PartContext): HostPart {
  const { config } = context;
  const datamart = publicServerAt(config, context.host)?.config;
  const broker = datamart && config.brokers[datamart.broker];
  if (!datamart || !broker) return {};
  const { dryRun, intervalSeconds, exempt: _, ...limits } = datamart.queueManager;
  const own: Partial<QueueManagerConfig> = {
    management: {
      urls: [`${broker.tls ? "https" : "http"}://127.0.0.1:${broker.management.port}`],
      ...(broker.tls ? { caFile } : {}),
      user: queueManagerUser,
      passwordFile: passwordCredential,
      requestTimeoutMs: queueManagerSchema.shape.management.shape.requestTimeoutMs.parse(undefined),
    },
    dryRun,
    keep: keptQueues(config, datamart),
    intervalSeconds,
    classes: [{ name: "clients", pattern: "", ...limits }],
  };
  return agentPart(context, {
    name: "queue-manager",
    summary: "deletes abandoned client queues",
    account: serviceAccount,
    credentials: [passwordAt(config, queueManagerUser, datamart.broker)],
    logLevel: datamart.logLevel,
    after: brokerUnit,
    afterBroker: datamart.broker,
    own,
  });
}
