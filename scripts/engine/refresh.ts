import { ManagementClient } from "../../agents/lib/management.ts";
import { clusterModels } from "../../infra/model/cluster.ts";
import type { ClusterModel } from "../../infra/model/types.ts";
import { managementUrl } from "../../infra/observe/management.ts";
import { readPulumi } from "./engine.ts";
import { readOperatorCa } from "./operator-ca.ts";
import { readCommittedConfig } from "./stack-config.ts";

/** Milliseconds for a management API to say anything at all. */
const answerTimeoutMs = 1000;
/** Who is not logged in is told so in a line. */
const answerBytesMax = 1 << 20;

/** The engine reads each resource as the program declares it, so a broker's objects after its nodes, and where the program says they are. */
const refresh = ["--refresh", "--run-program"] as const;

/** Options by which a person says what the engine is to look at. */
const ownChoice = /^(--refresh|-r|--run-program|--target|-t|--target-replace|--exclude|-x|--replace)(=|$)/;

/** Says whether the management API at a member's address answers; it is asked for nothing. */
export type Probe = (cluster: ClusterModel, address: string) => Promise<boolean>;

export interface RefreshContext {
  /**
   * The provider has its resources read before each run, by the member that the last run spoke to. Where every member answers that is enough, and
   * quieter: nothing else is read.
   */
  readonly readsBeforeRuns: boolean;
  readonly probe: Probe;
  /** Names of the stack's resources, as its state has them. */
  readonly resources: () => Promise<readonly string[]>;
}

/**
 * Options by which the engine compares a broker's objects with what is really there, for the clusters that answer. Objects of a cluster that doesn't
 * are left out: reading them would fail the whole run. Where no cluster answers nothing is read and the state is believed: `up` may be about to bring
 * the broker back, or to make it.
 *
 * @param words what the person gave to the engine; who says what is to be looked at is not contradicted
 */
export async function refreshFlags(
  clusters: readonly ClusterModel[],
  words: readonly string[],
  { readsBeforeRuns, probe, resources }: RefreshContext,
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
  if (everybody && readsBeforeRuns) return [];
  if (!answering.includes(true)) return [];
  if (!answering.includes(false)) return [...refresh];
  const names = await resources();
  const silent = clusters.filter((_, index) => !answering[index]).map((cluster) => cluster.name);
  // What was never made can't be read, and must not be left out: it is about to be made.
  const made = silent.filter((name) => names.some((resource) => isObjectOf(name, resource)));
  return [...refresh, ...made.flatMap((name) => ["--exclude", `**rabbitmq:index**::${name} **`])];
}

const isObjectOf = (cluster: string, urn: string): boolean =>
  urn.includes("rabbitmq:index/") && urn.includes(`::${cluster} `);

/** The options for a stack of this checkout, its brokers asked for real. */
export async function refreshFlagsOf(
  stack: string,
  words: readonly string[],
  { readsBeforeRuns }: Pick<RefreshContext, "readsBeforeRuns">,
): Promise<string[]> {
  // Whether somebody answers can be told without it, too.
  const ca = await readOperatorCa(stack).catch(() => undefined);
  return refreshFlags(clustersOf(stack), words, {
    readsBeforeRuns,
    probe: (cluster, address) => answersHttp(cluster, address, ca),
    resources: () => resourceNames(stack),
  });
}

function clustersOf(stack: string): ClusterModel[] {
  try {
    return clusterModels(readCommittedConfig(stack));
  } catch {
    // The program finds the same mistakes, and tells of them where a person looks.
    return [];
  }
}

/** Any answer but a fault of its own counts: nobody is logged in here, so mostly it is that a login is needed. */
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
