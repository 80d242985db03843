import { relative, resolve } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { brokerUnit, memberStep } from "../model/names.ts";
import { operatorCaFile } from "../model/tls.ts";
import type { ClusterModel, EnvironmentModel } from "../model/types.ts";
import type { ManagementHosts } from "../observe/management-hosts.ts";
import { Broker } from "./broker.ts";
import { connectionInput } from "./connection.ts";
import { declareStep, Host, type HostArgs } from "./host.ts";
import { type Kept, type KeptSteps, type PlannedStep, stepName } from "./plan.ts";

/**
 * Registers every resource of a stack: a step after the steps it names, a broker's objects after its members, what needs those
 * objects after them, and not after those of another broker.
 *
 * @param before what the last run kept
 * @param management which member of each cluster is spoken to
 * @returns what to keep of this one: of a step that fails, what was kept before, so that the next run doesn't take it for made
 */
export function declareModel(
  model: EnvironmentModel,
  planned: readonly PlannedStep[],
  before: KeptSteps,
  checkout: string,
  management: ManagementHosts,
): pulumi.Output<KeptSteps> {
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
  const steps = new Map(planned.map((step) => [step.name, step]));
  // What a step comes after is declared first, whatever the order of hosts in the config.
  const declare = (step: PlannedStep) => {
    if (declared.has(step.name)) return;
    for (const name of step.step.after) {
      const other = steps.get(stepName(step.host, name)) ?? steps.get(name);
      if (other && isAfterBroker(other) === isAfterBroker(step)) declare(other);
    }
    const host = hosts.get(step.host);
    if (!host) throw new TypeError(`a step of no host: ${step.name}`);
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
  return pulumi
    .all(planned.map(({ name, kept }) => keptOf(declared.get(name), kept, before[name])))
    .apply((all) =>
      Object.fromEntries(planned.flatMap(({ name }, index) => (all[index] ? [[name, all[index]] as const] : []))),
    );
}

const isAfterBroker = ({ step }: PlannedStep): boolean => step.afterBroker !== false;

/**
 * The engine's providers work in the folder that the program does. A path from there is the same in every checkout; a whole one would be a
 * change for whoever comes with another.
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
