import { relative, resolve } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { brokerUnit, memberStep } from "../model/names.ts";
import { operatorCaFile } from "../model/tls.ts";
import type { ClusterModel, EnvironmentModel } from "../model/types.ts";
import type { Inventory } from "../observe/gone-hosts.ts";
import type { ManagementHosts } from "../observe/management-hosts.ts";
import { Broker } from "./broker.ts";
import { connectionInput } from "./connection.ts";
import { copyName, declareStep, Host, type HostArgs } from "./host.ts";
import { type Kept, type KeptSteps, type PlannedStep, stepName } from "./plan.ts";

/**
 * Registers every resource of a stack: steps after the steps that they name, a broker's objects after its members, and after them the steps
 * that need these objects, but not those of another broker.
 *
 * @param before what the last run recorded
 * @param management the member of each cluster whose management API is used
 * @returns what to record of this run. A failed step keeps its previous record, so that the next run doesn't treat it as done. The inventory is
 * for a later run whose model no longer has some of these hosts and clusters
 */
export function declareModel(
  model: EnvironmentModel,
  planned: readonly PlannedStep[],
  before: KeptSteps,
  checkout: string,
  management: ManagementHosts,
): { readonly steps: pulumi.Output<KeptSteps>; readonly inventory: pulumi.Output<Inventory> } {
  const declared = new Map<string, pulumi.Resource>();
  const brokerObjects = new Map<string, readonly pulumi.Resource[]>();
  const hosts = new Map<string, { readonly component: Host; readonly args: HostArgs }>(
    model.hosts.map((host) => [
      host.name,
      {
        component: new Host(host.name),
        args: {
          model: host,
          connection: connectionInput(host.connection, checkout),
          checkout,
          declared,
          brokerObjects,
        },
      },
    ]),
  );
  const byName = new Map(planned.map((step) => [step.name, step]));
  // Steps that this one depends on are declared first, whatever the order of hosts in the config.
  const declare = (step: PlannedStep) => {
    if (declared.has(step.name)) return;
    for (const name of [...step.step.after, ...(step.turn?.after ?? [])]) {
      const other = byName.get(stepName(step.host, name)) ?? byName.get(name);
      if (other && isAfterBroker(other) === isAfterBroker(step)) declare(other);
    }
    const host = hosts.get(step.host);
    if (!host) throw new TypeError(`a step without a host: ${step.name}`);
    declared.set(step.name, declareStep(host.component, host.args, step));
  };
  for (const step of planned.filter((one) => !isAfterBroker(one))) declare(step);
  for (const cluster of model.clusters) {
    const first = stepName(cluster.members[0]?.host ?? "", brokerUnit);
    const takeOver = cluster.found === true && !before[first];
    const broker = new Broker(cluster.name, {
      model: cluster,
      address: addressOf(cluster, management[cluster.name]),
      dependsOn: brokerSteps(cluster, declared),
      takeOver,
      ...(cluster.management.scheme === "https" ? { caFile: engineCaFile(model.stack, checkout) } : {}),
    });
    brokerObjects.set(cluster.name, broker.objects);
  }
  for (const step of planned.filter(isAfterBroker)) declare(step);
  const steps = pulumi
    .all(planned.map(({ name, kept }) => keptOf(declared.get(name), kept, before[name])))
    .apply((all) =>
      Object.fromEntries(planned.flatMap(({ name }, index) => (all[index] ? [[name, all[index]] as const] : []))),
    );
  return {
    steps,
    inventory: steps.apply((kept) => inventoryOf(model, inOrder(declared, byName), kept, brokerObjects)),
  };
}

const inOrder = (declared: ReadonlyMap<string, unknown>, planned: ReadonlyMap<string, PlannedStep>): PlannedStep[] =>
  [...declared.keys()].flatMap((name) => planned.get(name) ?? []);

/** @param order all steps, each after those that it depends on */
function inventoryOf(
  model: EnvironmentModel,
  order: readonly PlannedStep[],
  kept: KeptSteps,
  objects: ReadonlyMap<string, readonly pulumi.Resource[]>,
): Inventory {
  const hosts = model.hosts.map(({ name, connection }) => {
    const own = order.filter((step) => step.host === name && kept[step.name]);
    const copies = own.flatMap((step) => (step.step.copy ? [copyName(step.name)] : []));
    return [name, { connection, steps: own.map((step) => step.name), copies }] as const;
  });
  const clusters = model.clusters.map(({ name, members }) => {
    const made = objects.get(name) ?? [];
    return [name, { host: members[0]?.host ?? "", objects: made.map(identityOf) }] as const;
  });
  return { hosts: Object.fromEntries(hosts), clusters: Object.fromEntries(clusters) };
}

/** Type and name, which the SDK keeps in the resource. */
function identityOf(resource: pulumi.Resource): readonly [string, string] {
  const { __pulumiType, __name } = resource as unknown as { readonly __pulumiType: string; readonly __name: string };
  return [__pulumiType, __name];
}

const isAfterBroker = ({ step, turn }: PlannedStep): boolean => Boolean(step.afterBroker || turn?.afterBroker);

/**
 * The engine's providers run in the program's working folder. A path relative to it is the same in every checkout; an absolute one would be a
 * change for everybody with another checkout.
 */
const engineCaFile = (stack: string, checkout: string): string =>
  relative(process.cwd(), resolve(checkout, operatorCaFile(stack)));

function keptOf(
  resource: pulumi.Resource | undefined,
  now: Kept,
  before: Kept | undefined,
): pulumi.Output<Kept | null> {
  if (!resource) return pulumi.output(before ?? null);
  return pulumi.recover<Kept | null>(
    resource.urn.apply(() => now),
    () => before ?? null,
  );
}

const addressOf = (cluster: ClusterModel, host: string | undefined): string =>
  (cluster.members.find((member) => member.host === host) ?? cluster.members[0])?.address ?? "";

function brokerSteps(cluster: ClusterModel, declared: ReadonlyMap<string, pulumi.Resource>): pulumi.Resource[] {
  return cluster.members.flatMap(({ host }) =>
    [brokerUnit, memberStep(cluster.name)].flatMap((step) => declared.get(stepName(host, step)) ?? []),
  );
}
