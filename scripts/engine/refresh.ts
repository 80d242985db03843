import { ManagementClient } from "../../agents/lib/management.ts";
import { clusterModels } from "../../infra/model/cluster.ts";
import type { ClusterModel } from "../../infra/model/types.ts";
import { managementUrl } from "../../infra/observe/management.ts";
import { readPulumi } from "./engine.ts";
import { readOperatorCa } from "./operator-ca.ts";
import { readCommittedConfig } from "./stack-config.ts";

/** Milliseconds for a management API to answer anything. */
const answerTimeoutMs = 1000;
/** The answer without a login is one line. */
const answerBytesMax = 1 << 20;

/** The engine reads each resource as the program declares it: a broker's objects after its nodes, at the addresses that the program gives. */
const refresh = ["--refresh", "--run-program"] as const;

/** Options by which the user selects what the engine reads. */
const ownChoice = /^(--refresh|-r|--run-program|--target|-t|--target-replace|--exclude|-x|--replace)(=|$)/;

/** Whether the management API at a member's address answers at all. */
export type Probe = (cluster: ClusterModel, address: string) => Promise<boolean>;

export interface RefreshContext {
  /**
   * The provider reads its resources before each run, through the member that the last run used. If every member answers, that is enough, and
   * quieter, as nothing else is read.
   */
  readonly readsBeforeRuns: boolean;
  /** Whether this checkout has the file of the brokers' CA: the program writes it, in a new checkout after the provider wanted to read. */
  readonly hasCa: boolean;
  readonly probe: Probe;
  /** URNs of the stack's resources, from its state. */
  readonly resources: () => Promise<readonly string[]>;
}

/**
 * Options by which the engine compares the objects of brokers with the real ones, for the clusters that answer. Objects of a cluster that doesn't
 * answer are left out, as reading them would fail the run. If no cluster answers, nothing is read and the state is trusted: `up` may be about to
 * repair the broker, or to create it.
 *
 * @param words the user's arguments for the engine; if they select what is read, nothing is added
 */
export async function refreshFlags(
  clusters: readonly ClusterModel[],
  words: readonly string[],
  { readsBeforeRuns, hasCa, probe, resources }: RefreshContext,
): Promise<string[]> {
  if (clusters.length === 0 || words.some((word) => ownChoice.test(word))) return [];
  let everybody = true;
  const answering = await Promise.all(
    clusters.map(async (cluster) => {
      const answers = await Promise.all(cluster.members.map(({ address }) => probe(cluster, address)));
      everybody &&= !answers.includes(false);
      return answers.includes(true);
    }),
  );
  const isTrusted = hasCa || !clusters.some((cluster) => managementUrl(cluster, "").startsWith("https:"));
  if (everybody && readsBeforeRuns && isTrusted) return [];
  if (!answering.includes(true)) return [];
  if (!answering.includes(false)) return [...refresh];
  const names = await resources();
  const silent = clusters.filter((_, index) => !answering[index]).map((cluster) => cluster.name);
  // Objects that don't exist yet can't be read, and must not be left out: they are about to be created.
  const made = silent.filter((name) => names.some((resource) => isObjectOf(name, resource)));
  return [...refresh, ...made.flatMap((name) => ["--exclude", `**rabbitmq:index**::${name} **`])];
}

const isObjectOf = (cluster: string, urn: string): boolean =>
  urn.includes("rabbitmq:index/") && urn.includes(`::${cluster} `);

/** The options for a stack of this checkout; asks its brokers. */
export async function refreshFlagsOf(
  stack: string,
  words: readonly string[],
  { readsBeforeRuns }: Pick<RefreshContext, "readsBeforeRuns">,
): Promise<string[]> {
  // Not needed to see whether a broker answers.
  const ca = await readOperatorCa(stack).catch(() => undefined);
  return refreshFlags(clustersOf(stack), words, {
    readsBeforeRuns,
    hasCa: ca !== undefined,
    probe: (cluster, address) => answersHttp(cluster, address, ca),
    resources: () => resourceNames(stack),
  });
}

function clustersOf(stack: string): ClusterModel[] {
  try {
    return clusterModels(readCommittedConfig(stack));
  } catch {
    // The program finds the same mistakes and reports them where the user sees them.
    return [];
  }
}

/** Any answer except a server error counts. It is usually "login required", as there is no login here. */
async function answersHttp(cluster: ClusterModel, address: string, ca: string | undefined): Promise<boolean> {
  const url = managementUrl(cluster, address);
  const trust = ca === undefined ? { insecure: true } : { ca };
  const client = new ManagementClient({ urls: [url], ...trust, timeoutMs: answerTimeoutMs, answerBytesMax });
  try {
    return (await client.sendTo(url, { path: ["whoami"] })).status < 500;
  } catch {
    return false;
  } finally {
    await client.close();
  }
}

async function resourceNames(stack: string): Promise<string[]> {
  const text = await readPulumi(["stack", "export", "--stack", stack], { stack });
  const { deployment } = JSON.parse(text) as { deployment?: { resources?: readonly { urn: string }[] } };
  return (deployment?.resources ?? []).map(({ urn }) => urn);
}
